"""Rollouts against a real API server, with real gateways: surge, partition, pause, canary, the way back, and the deadline."""

import socket

import pytest
from endpoints import Endpoints, Roaming
from rollouts import PROMOTE, REVISION, apps, delete_pod, history, pods_of, promote, promotion, rollout, template, versions, wait_reason, wait_summary
from waiting import eventually

CLOSES = [{"metric": "CleanClose", "maxDropPercent": 1, "minSamples": 20}]
UPGRADE = "GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n"
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


def traffic_of(gateway, version):
    """State and traffic of each pod."""
    return [tuple(pod.metadata.labels[f"sluice.dev/{name}"] for name in ("state", "traffic")) for pod in pods_of(gateway, version)]


def connect_and_vanish(pod, count):
    """So many connections that end without a close frame: abnormal ones."""
    for _ in range(count):
        with socket.create_connection((pod.status.pod_ip, 8080), timeout=5) as connection:
            connection.sendall(UPGRADE.format(KEY).encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 101")


def test_a_rollout_replaces_every_pod_and_cuts_nobody_off(rolled, operator):
    edge = rolled(rollout={"maxSurge": 1}, scaleDown={"maxConcurrentDrains": 2})
    lowest = []

    def through():
        lowest.append(edge.status()["availableReplicas"])
        return versions(edge) == ["2", "2", "2"] and rollout(edge)["summary"] == "Complete"

    with Endpoints(edge) as endpoints, Roaming(endpoints, 30) as fleet:
        fleet.wait_connected()
        edge.change(template=template(2))
        eventually(through, "every pod to be of version 2", 120)
        eventually(lambda: not edge.draining(), "the last drain to end")
        fleet.wait_connected()
        eventually(fleet.heard_since(), "an echo for every client")
    assert fleet.account.abnormal == {}
    assert fleet.account.ends["moved"] + fleet.account.ends["released"] >= 30
    assert min(lowest) >= 3
    status = edge.status()
    assert status["currentRevision"] == status["updateRevision"]
    assert history(edge)[status["updateRevision"]] == 2
    assert len(edge.wait_event("RolloutStarted")) == 1 and len(edge.wait_event("RolloutCompleted")) == 1
    assert operator.metric('sluice_operator_rollouts_total{result="completed"}') == 1


def test_a_partition_keeps_its_part_and_a_pause_everything(rolled):
    edge = rolled(rollout={"partition": 2})
    edge.change(template=template(2))
    wait_summary(edge, "Partition 33%")
    assert wait_reason(edge, "Progressing", "AtPartition")["message"].endswith("spec.rollout.partition keeps 2 on the former one")
    eventually(lambda: versions(edge) == ["1", "1", "2"], "one pod of version 2")

    edge.change(paused=True, rollout={"partition": 0})
    wait_summary(edge, "Paused 33%")
    assert edge.condition("Paused")["status"] == "True"
    # What is missing in a pause is made as it was, from the ControllerRevision.
    delete_pod(edge, pods_of(edge, 1)[0])
    edge.wait_ready(3)
    assert versions(edge) == ["1", "1", "2"]

    edge.change(paused=False)
    wait_summary(edge, "Complete")
    eventually(lambda: versions(edge) == ["2", "2", "2"], "the rest to follow")
    assert edge.condition("Paused")["status"] == "False"


def halt(edge, clients):
    """A canary of one pod whose clients vanish, while those of the others leave in good order."""
    edge.change(template=template(2))
    wait_reason(edge, "CanaryHealthy", "StepHolding")
    eventually(lambda: versions(edge) == ["1", "1", "2"], "one pod of version 2 among three")
    (canary,) = pods_of(edge, 2)

    def halted():
        stable = pods_of(edge, 1)[0]
        clients(stable, 5).leave(5)
        connect_and_vanish(canary, 5)
        return edge.condition("CanaryHealthy")["status"] == "False"

    eventually(halted, "the gate to fail")
    return canary


@pytest.mark.parametrize("by", ["promotion", "rollback"])
def test_a_canary_that_fails_its_gate_halts_until_a_person_decides(rolled, clients, operator, by):
    edge = rolled(rollout={"canary": {"steps": [{"percent": 30, "hold": "10m"}], "gates": CLOSES}})
    first = edge.status()["updateRevision"]
    canary = halt(edge, clients)
    told = edge.condition("CanaryHealthy")
    assert told["reason"] == "GateFailed" and "CleanClose is " in told["message"] and f"{PROMOTE}={edge.status()['updateRevision']}/1" in told["message"]
    assert edge.condition("Progressing")["reason"] == "CanaryHalted"
    wait_summary(edge, "Halted 30%")
    assert versions(edge) == ["1", "1", "2"]
    assert len(edge.wait_event("CanaryFailed")) == 1
    assert operator.metric('sluice_operator_rollouts_total{result="halted"}') == 1

    if by == "promotion":
        promote(edge)
        wait_summary(edge, "Complete")
        eventually(lambda: versions(edge) == ["2", "2", "2"], "all pods to follow")
        assert len(edge.wait_event("CanaryPromoted")) == 1
        # It would count again if the same template came another time.
        eventually(lambda: promotion(edge) is None, "the annotation to be taken away")
    else:
        stayed = {pod.metadata.uid for pod in pods_of(edge, 1)}
        edge.change(template=template(1))
        eventually(lambda: versions(edge) == ["1", "1", "1"], "the canary to go")
        wait_summary(edge, "Complete")
        assert edge.status()["updateRevision"] == first and history(edge)[first] == 3
        left = {pod.metadata.uid for pod in edge.wait_ready(3)}
        assert stayed < left and canary.metadata.uid not in left
        eventually(lambda: f"the fleet goes back to revision {first}" in edge.events("RolloutStarted"), "the way back to be told")
    assert edge.condition("CanaryHealthy")["reason"] == "NoCanary"


def test_a_step_survives_a_crash_of_the_operator(rolled, operators, operator):
    edge = rolled(rollout={"canary": {"steps": [{"percent": 30, "hold": "10m"}]}})
    edge.change(template=template(2))
    wait_reason(edge, "CanaryHealthy", "StepHolding")
    eventually(lambda: versions(edge) == ["1", "1", "2"], "one pod of version 2 among three")
    before = rollout(edge)
    operator.kill()
    successor = operators.start()
    eventually(successor.leads, "the next operator to lead")
    edge.scale(6)  # The step is part of more pods now.
    edge.wait_ready(6)
    eventually(lambda: versions(edge) == ["1", "1", "1", "1", "2", "2"], "two pods of version 2 among six")
    after = rollout(edge)
    assert [before[field] for field in ("step", "since", "phase")] == [after[field] for field in ("step", "since", "phase")]
    edge.change(rollout={"canary": {"steps": [{"percent": 30, "hold": "1s"}]}})
    wait_summary(edge, "Complete")
    assert len(edge.wait_event("CanaryPassed")) == 1


def test_without_samples_traffic_is_shifted_to_the_canary_and_back(rolled, clients):
    gate = {"metric": "HandshakeSuccess", "maxDropPercent": 1, "minSamples": 10}
    canary = {"steps": [{"percent": 30, "hold": "1s"}], "gates": [gate], "onInsufficientSamples": "Shift"}
    edge = rolled(rollout={"canary": canary})
    edge.change(template=template(2))
    wait_reason(edge, "CanaryHealthy", "Shifting")
    eventually(lambda: versions(edge) == ["1", "1", "2"], "one pod of version 2 among three")
    eventually(lambda: sorted(traffic_of(edge, 1)) == [("active", "off"), ("active", "on")], "one of two to leave the endpoints")
    assert traffic_of(edge, 2) == [("active", "on")] and edge.status()["replicas"] == 3
    # What arrives goes to those that stay.
    for pod in edge.pods():
        if pod.metadata.labels["sluice.dev/traffic"] == "on":
            clients(pod, 12)
    edge.wait_event("CanaryPassed")
    wait_summary(edge, "Complete")
    eventually(lambda: all(pod.metadata.labels["sluice.dev/traffic"] == "on" for pod in edge.pods()), "all pods in the endpoints")


def test_history_is_kept_as_far_as_asked_for(rolled):
    edge = rolled(replicas=1, revisionHistoryLimit=1, rollout={"maxUnavailable": 1, "maxSurge": 0})
    for version in (2, 3, 4):
        edge.change(template=template(version))
        eventually(lambda version=version: versions(edge) == [str(version)] and rollout(edge)["summary"] == "Complete", f"version {version}")
    eventually(lambda: sorted(history(edge).values()) == [3, 4], "the newest revision and one before it")


def test_a_revision_removed_by_hand_and_a_refused_template_stop_nothing(rolled):
    edge = rolled(replicas=2)
    first = edge.status()["updateRevision"]
    apps(edge.api).delete_namespaced_controller_revision(f"edge-{first}", edge.namespace)
    eventually(lambda: first in history(edge), "the newest revision to be kept again")

    edge.change(template={"spec": {"containers": [{"name": "gateway", "imagePullPolicy": "Sometimes"}]}})
    wait_reason(edge, "Progressing", "TemplateRefused")
    wait_summary(edge, "Refused")
    delete_pod(edge, edge.pods()[0])
    edge.wait_ready(2)
    assert {pod.metadata.labels[REVISION] for pod in edge.pods()} == {first} == {edge.status()["currentRevision"]}


def test_a_rollout_whose_pods_never_become_ready_is_reported(rolled, kubelet, operator):
    edge = rolled()
    kubelet.starts = False
    edge.change(template=template(2), progressDeadlineSeconds=2)
    told = wait_reason(edge, "Progressing", "ProgressDeadlineExceeded")
    assert told["status"] == "False"
    assert told["message"].startswith("nothing has moved for 2s (spec.progressDeadlineSeconds): 1 of 3 pods are of revision ")
    (stuck,) = pods_of(edge, 2)
    assert f"waits: {stuck.metadata.name} is not available (" in told["message"]
    wait_summary(edge, "Stalled 25%")
    assert edge.status()["availableReplicas"] == 3
    assert len(edge.wait_event("ProgressDeadlineExceeded")) == 1
    assert operator.metric('sluice_operator_rollouts_total{result="stalled"}') == 1

    kubelet.starts = True
    eventually(lambda: versions(edge) == ["2", "2", "2"] and rollout(edge)["summary"] == "Complete", "the rollout to go on")
