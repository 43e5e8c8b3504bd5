"""Drains against a real API server, with real gateways: who goes, how fast, until when, and who comes back."""

import contextlib
import re

import pytest
from kubernetes.client.exceptions import ApiException
from rtgw import DRAIN, FREE, HELD, RATE, SLOW, connections_of, is_ready
from waiting import eventually


def test_the_emptiest_pod_is_drained_and_then_deleted(edge, clients, kubelet):
    first, second, third = edge.pods()
    for pod, count in ((first, 30), (second, 10), (third, 20)):
        clients(pod, count)
    edge.change(reconnectBudget={"perSecondPerReceiver": 2, "perSecondMax": 2}, drain=SLOW)
    edge.scale(2)
    drain = edge.wait_phase("Propagating")
    assert drain["pod"] == second.metadata.name and drain["reason"] == "ScaleDown"
    decision = edge.decision(second.metadata.name)
    assert sorted(decision) == ["deadline", "reason", "startedAt"]
    labels = edge.pod(second.metadata.name).metadata.labels
    assert (labels["sluice.dev/state"], labels["sluice.dev/traffic"]) == ("draining", "off")
    assert edge.read_scale()["status"]["replicas"] == 2

    figures = eventually(lambda: [drain for drain in edge.drains() if "rate" in drain], "the drain's figures")[0]
    assert (figures["phase"], figures["initial"], figures["rate"]) == ("Evicting", 10, 2)
    assert edge.condition("Draining")["status"] == "True"
    names = {pod.metadata.name for pod in edge.wait_pods(2)}
    assert names == {first.metadata.name, third.metadata.name}
    assert kubelet.deleted[second.metadata.name] == 0

    (selected,) = edge.wait_event("VictimSelected")
    assert selected == f"{second.metadata.name} goes (ScaleDown): it costs least; it has 10 connections; next would have been {third.metadata.name} with 20 connections"
    assert edge.wait_event("DrainStarted")
    (completed,) = edge.wait_event("DrainCompleted")
    assert completed.startswith(f"{second.metadata.name} is empty and is deleted: 10 connections moved in ")


def test_the_emptiest_is_chosen_by_what_pods_say_now(edge, clients):
    """States that are older than two seconds choose nobody: the pod that filled up meanwhile stays."""
    first, second, third = edge.pods()
    clients(second, 5)
    clients(third, 5)
    eventually(lambda: edge.status()["connections"]["active"] == 10, "the operator to know of ten connections")
    # Now the emptiest pod becomes the fullest, right before the choice.
    clients(first, 25)
    edge.scale(2)
    drain = eventually(edge.drains, "a drain")[0]
    assert drain["pod"] != first.metadata.name


def test_a_gateway_that_does_not_answer_is_never_taken_for_empty(edge, clients, kubelet):
    first, second, third = edge.pods()
    clients(second, 20)
    clients(third, 20)
    edge.change(drain={**SLOW, "timeout": "20s"})
    with contextlib.ExitStack() as stack:
        edge.scale(2)
        edge.wait_phase("Propagating", first.metadata.name)
        stack.enter_context(kubelet.frozen(first))
        eventually(lambda: edge.events("DrainTimedOut"), "the deadline")
    edge.wait_pods(2)
    record = edge.events("DrainTimedOut")[0]
    assert record.startswith(f"{first.metadata.name} is deleted at its deadline")
    assert not edge.events("DrainCompleted")


def test_the_deadline_beats_the_budget(edge, clients, kubelet):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 30)
    edge.change(reconnectBudget=HELD, drain={"propagationDelay": "1s", "hintJitter": "1s", "timeout": "8s"})
    edge.scale(2)
    edge.wait_pods(2)
    (gone,) = {pod.metadata.name for pod in pods} - {pod.metadata.name for pod in edge.pods()}
    assert gone in kubelet.deleted
    (told,) = edge.wait_event("DrainTimedOut")
    closed = int(re.fullmatch(rf"{gone} is deleted at its deadline with (\d+) connections left", told)[1])
    # One a second for seven seconds, of thirty.
    assert 20 <= closed <= 30
    assert edge.wait_event("BudgetExceeded") == [f"the deadline of {gone} closes {closed} connections at once, beyond the reconnect budget"]
    assert not edge.events("DrainCompleted")


def test_a_scale_up_takes_the_pod_back_before_it_makes_a_new_one(edge, clients):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 20)
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = edge.wait_phase("Evicting")
    eventually(lambda: edge.drains()[0].get("rate") == 1, "the gateway to accept its drain")
    edge.scale(3)
    edge.wait_ready(3)
    assert {pod.metadata.uid for pod in edge.pods()} == {pod.metadata.uid for pod in pods}
    back = edge.pod(drain["pod"])
    assert back.metadata.labels["sluice.dev/state"] == "active" and back.metadata.labels["sluice.dev/traffic"] == "on"
    assert DRAIN not in (back.metadata.annotations or {})
    assert edge.wait_event("DrainCancelled") == [f"{back.metadata.name} is taken back: more replicas are wanted again"]
    # Its gateway accepts new connections again.
    before = connections_of(back)
    clients(back, 3)
    assert connections_of(back) >= before + 3


def test_two_drains_share_the_budget(gateways, operator, clients, admin):
    edge = gateways(replicas=4, scaleDown={"maxConcurrentDrains": 2}, reconnectBudget={"perSecondPerReceiver": 3, "perSecondMax": 6})
    for pod in edge.wait_ready(4):
        clients(pod, 40)
    pods = edge.pods()
    sums = []

    def shared():
        """Whether the gateways themselves share all of the budget; each sum that was met is kept."""
        rates = admin.rates(pods)
        if rates is None:
            return False
        sums.append(sum(rates.values()))
        return sums[-1] > 5.8 and sum(rate > 0 for rate in rates.values()) == 2

    edge.scale(2)
    eventually(shared, "two granted rates that use up the budget")
    assert max(sums) <= 6.1
    recorded = [float(pod.metadata.annotations[RATE]) for pod in edge.draining()]
    assert len(recorded) == 2 and max(recorded) <= 6.1
    edge.change(reconnectBudget=FREE)
    edge.wait_pods(2)


def test_a_gateway_that_terminates_is_not_told_its_drain_again_and_again(edge, operator, clients, kubelet):
    """SIGTERM without a deletion of the pod: the gateway cuts its deadline, and the record on the pod stays as it is."""
    for pod in edge.pods():
        clients(pod, 30)
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = eventually(lambda: next((drain for drain in edge.drains() if drain.get("rate")), None), "an accepted drain")
    kubelet.container(edge.pod(drain["pod"])).process.terminate()
    ordered = 'sluice_operator_admin_calls_total{result="ok",verb="drain"}'
    states = 'sluice_operator_admin_calls_total{result="ok",verb="state"}'
    orders, asked = operator.metric(ordered), operator.metric(states)
    eventually(lambda: operator.metric(states) >= asked + 10, "its state asked for a few times more")
    assert operator.metric(ordered) <= orders + 2


def test_maximum_of_concurrent_drains_holds(edge, clients):
    for pod in edge.pods():
        clients(pod, 10)
    most = []
    edge.scale(0)

    def gone():
        most.append(sum(pod.metadata.deletion_timestamp is None for pod in edge.draining()))
        return not edge.pods()

    eventually(gone, "all pods drained, one after the other")
    assert max(most) == 1


def test_a_pod_that_never_started_goes_without_a_drain(gateways, operator, kubelet):
    edge = gateways(replicas=1)
    edge.wait_ready(1)
    kubelet.starts = False
    edge.scale(3)
    edge.wait_pods(3)
    edge.scale(1)
    (left,) = edge.wait_pods(1)
    assert is_ready(left)
    assert not edge.events("DrainStarted")


def test_a_crashed_pod_is_the_first_to_go(edge, clients, kubelet):
    first, second, third = edge.pods()
    clients(first, 5)
    kubelet.crash(third)
    eventually(lambda: edge.status()["readyReplicas"] == 2, "the crash to be seen")
    edge.scale(2)
    names = {pod.metadata.name for pod in edge.wait_pods(2)}
    assert names == {first.metadata.name, second.metadata.name}


def test_a_drained_pod_is_not_evicted(edge, clients, api):
    for pod in edge.pods():
        clients(pod, 10)
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = edge.wait_phase("Evicting")
    eventually(lambda: api.policy.read_namespaced_pod_disruption_budget("edge-draining", edge.namespace).status.expected_pods == 1, "the PDB")
    with pytest.raises(ApiException) as refused:
        api.core.create_namespaced_pod_eviction(drain["pod"], edge.namespace, {"metadata": {"name": drain["pod"]}})
    assert refused.value.status == 429
