"""The commands that write: what they write, under whose name, and what comes of it."""

import pytest
from rtgw import HELD
from waiting import eventually

# A sidecar that is in the template alone; the stand-in for a kubelet runs the gateway whatever else there is.
OTHER = {"spec": {"terminationGracePeriodSeconds": 31}}


def managers(edge):
    return {entry["manager"] for entry in edge.read()["metadata"]["managedFields"]}


def test_a_pod_is_replaced_and_then_drained(edge, clients, rtgw):
    pods = {pod.metadata.name for pod in edge.pods()}
    gone = sorted(pods)[1]
    assert rtgw("drain", f"pod/{gone}") == f"pod/{gone} asked to drain\n"
    assert edge.read()["spec"]["scaleDown"]["podsToDrain"] == [gone] and edge.read()["spec"]["replicas"] == 3
    assert "kubectl-rtgw" in managers(edge)
    assert rtgw("drain", gone) == f"pod/{gone} already asked to drain\n"
    assert f"asked to go (podsToDrain): {gone}" in rtgw("status", "edge")
    eventually(lambda: gone not in {pod.metadata.name for pod in edge.pods()} and len(edge.pods()) == 3, "another pod in its place")
    # It is gone, and its name still stands there.
    assert rtgw("undrain", gone) == f"pod/{gone} asked to drain no more\n"
    assert "podsToDrain" not in edge.read()["spec"]["scaleDown"]
    assert rtgw.refusal("undrain", gone) == f'Error from server (NotFound): pods "{gone}" not found\n'


def test_whose_pod_it_is_not(edge, api, rtgw):
    api.core.create_namespaced_pod(edge.namespace, {"metadata": {"name": "alone"}, "spec": {"schedulerName": "nobody", "containers": [{"name": "a", "image": "none"}]}})
    assert rtgw.refusal("drain", "alone") == 'error: pod "alone" belongs to no RealtimeGateway\n'
    assert rtgw.refusal("drain", "svc/edge") == 'error: "svc/edge": a Pod is wanted, and "svc" is something else\n'


def test_pause_and_resume(edge, rtgw):
    assert rtgw("pause", "edge") == "realtimegateway.sluice.dev/edge paused\n"
    assert edge.read()["spec"]["paused"] is True
    assert rtgw.refusal("pause", "edge") == 'error: realtimegateways.sluice.dev "edge" is already paused\n'
    assert rtgw.json("resume", "edge")["spec"]["paused"] is False
    assert rtgw.refusal("resume", "rtgw/edge") == 'error: realtimegateways.sluice.dev "edge" is not paused\n'


def test_a_dry_run_keeps_nothing(edge, rtgw):
    before = edge.read()
    assert rtgw("pause", "edge", "--dry-run=server") == "realtimegateway.sluice.dev/edge paused (server dry run)\n"
    assert rtgw("pause", "edge", "--dry-run=server", "-o", "name") == "realtimegateway.sluice.dev/edge\n"
    assert rtgw.yaml("pause", "edge", "--dry-run=server")["spec"]["paused"] is True
    after = edge.read()  # The operator may have written a status meanwhile.
    assert after["spec"] == before["spec"] and after["metadata"]["generation"] == before["metadata"]["generation"]
    assert "kubectl-rtgw" not in managers(edge)
    assert "use --dry-run=server" in rtgw.refusal("pause", "edge", "--dry-run=client")


def test_back_to_a_former_template(edge, rtgw):
    first = edge.status()["updateRevision"]
    edge.change(template=OTHER)
    eventually(lambda: edge.status()["updateRevision"] != first, "a newer revision")
    second = edge.status()["updateRevision"]
    history = rtgw("history", "edge").splitlines()
    assert [line.split()[:2] for line in history[1:]] == [["1", first], ["2", second]]
    assert rtgw.yaml("history", "edge", "--revision", "1")["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    assert [item["revision"] for item in rtgw.json("history", "edge")["items"]] == [1, 2]
    assert rtgw.refusal("rollback", "edge", "--to-revision", "9") == "error: unable to find specified revision 9 in history\n"
    assert rtgw("rollback", "edge", "--to-revision", "2") == f"realtimegateway.sluice.dev/edge skipped rollback (current template already matches revision 2 ({second}))\n"
    assert rtgw("rollback", "edge") == f"realtimegateway.sluice.dev/edge rolled back to revision 1 ({first})\n"
    assert edge.read()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    eventually(lambda: edge.status()["updateRevision"] == first, "the former revision to be the newest")
    assert "kubectl-rtgw" in managers(edge)


def test_a_canary_step_is_promoted(gateways, operator, rtgw):
    canary = {"steps": [{"percent": 50, "hold": "1h"}], "onInsufficientSamples": "Wait"}
    edge = gateways(replicas=2, rollout={"canary": canary})
    edge.wait_ready(2)
    assert rtgw.refusal("promote", "edge") == 'error: realtimegateways.sluice.dev "edge" is in no canary step: there is nothing to promote\n'
    edge.change(template=OTHER)
    eventually(lambda: edge.status()["rollout"].get("phase") == "Holding", "the step to hold")
    revision = edge.status()["updateRevision"]
    assert rtgw("promote", "edge") == f"realtimegateway.sluice.dev/edge promoted past step 1 of 1 (revision {revision})\n"
    assert edge.read()["metadata"]["annotations"]["sluice.dev/promote"] == f"{revision}/1"
    eventually(lambda: edge.status()["updatedReplicas"] == 2 and edge.status()["rollout"]["phase"] == "Done", "the whole fleet")


def test_nothing_but_what_was_asked_for_is_written(edge, rtgw):
    """An autoscaler that changes spec.replicas meanwhile is not overwritten, and owns its field still."""
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    rtgw("pause", "edge")
    assert edge.read()["spec"]["replicas"] == 2
    fields = next(entry["fieldsV1"] for entry in edge.read()["metadata"]["managedFields"] if entry["manager"] == "kubectl-rtgw")
    assert fields == {"f:spec": {"f:paused": {}}}


@pytest.mark.parametrize("command", ["pause", "resume", "promote", "rollback", "history"])
def test_who_is_not_there(namespace, rtgw, command):
    assert rtgw.refusal(command, "nope") == 'Error from server (NotFound): realtimegateways.sluice.dev "nope" not found\n'
