"""The operator is killed at any moment, by SIGKILL, and goes on where it was; of two only one acts."""

import contextlib

import pytest
from operators import SYSTEM
from rtgw import DRAIN, FREE, HELD, RATE, connections_of
from waiting import eventually


@pytest.fixture
def edge(gateways, operators, clients):
    """Three pods with clients, one operator that acts without an election, so that the next one begins at once."""
    operators.start()
    made = gateways(replicas=3)
    for pod, count in zip(made.wait_ready(3), (30, 10, 20)):
        clients(pod, count)
    made.change(reconnectBudget={"perSecondPerReceiver": 4, "perSecondMax": 4})
    return made


def kill_and_restart(operators):
    (operator,) = operators.running()
    operator.kill()
    return operators.start()


def decided(edge):
    """The decision is on the pod, and nothing has acted on it yet."""
    return edge.draining()


def propagated(edge):
    return next((drain for drain in edge.drains() if drain["phase"] == "Evicting"), None)


def accepted(edge):
    return next((drain for drain in edge.drains() if drain.get("rate")), None)


def left_on(pods):
    """Connections of the pods that answer. One that has just gone does not."""
    for pod in pods:
        with contextlib.suppress(OSError):
            yield connections_of(pod)


def half_gone(edge):
    return any(left < 6 for left in left_on(edge.draining()))


def empty(edge):
    return any(left == 0 for left in left_on(edge.draining()))


def deleted(edge):
    return len(edge.pods()) == 2 or any(pod.metadata.deletion_timestamp for pod in edge.pods())


@pytest.mark.parametrize("moment", [decided, propagated, accepted, half_gone, empty, deleted])
def test_killed_at_a_moment_of_a_drain_it_goes_on(edge, operators, kubelet, moment):
    before = {pod.metadata.uid: pod.metadata.name for pod in edge.pods()}
    edge.scale(2)
    (victim,) = eventually(edge.draining, "a draining pod")
    decision = edge.decision(victim.metadata.name)
    eventually(lambda: deleted(edge) or moment(edge), moment.__name__)
    kill_and_restart(operators)
    remaining = edge.pods()
    if victim.metadata.uid in {pod.metadata.uid for pod in remaining}:
        assert edge.decision(victim.metadata.name) == decision
    edge.wait_pods(2)
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")
    assert {pod.metadata.uid for pod in edge.pods()} == set(before) - {victim.metadata.uid}
    assert kubelet.deleted[victim.metadata.name] == 0


def test_clients_stay_while_there_is_no_operator(edge, operators):
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    eventually(lambda: accepted(edge), "an accepted drain")
    (operator,) = operators.running()
    operator.kill()
    others = [pod for pod in edge.pods() if pod.metadata.labels["sluice.dev/state"] == "active"]
    assert sum(connections_of(pod) for pod in others) == 50
    assert all((pod.metadata.annotations or {}).get(DRAIN) is None for pod in others)


def test_killed_while_it_makes_pods_it_makes_no_twins(gateways, operators):
    operators.start()
    edge = gateways(replicas=1)
    edge.wait_ready(1)
    edge.scale(12)
    eventually(lambda: len(edge.pods()) > 1, "the first of many")
    kill_and_restart(operators)
    counts = []

    def complete():
        counts.append(len(edge.pods()))
        return edge.status().get("readyReplicas") == 12

    eventually(complete, "twelve ready pods")
    assert max(counts) == 12


def test_killed_while_a_drain_is_taken_back_nothing_drains_in_the_end(edge, operators):
    before = {pod.metadata.uid for pod in edge.pods()}
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    eventually(lambda: accepted(edge), "an accepted drain")
    edge.scale(3)
    kill_and_restart(operators)
    edge.wait_ready(3)
    eventually(lambda: edge.condition("Draining")["status"] == "False", "no drain in the status")
    assert {pod.metadata.uid for pod in edge.pods()} == before
    assert edge.draining() == []


def test_killed_while_its_gateway_is_deleted_it_drains_on_and_lets_go(edge, operators, kubelet):
    pods = edge.pods()
    edge.change(reconnectBudget={"perSecondPerReceiver": 20, "perSecondMax": 20})
    edge.delete()
    eventually(lambda: len(edge.draining()) == 3, "all draining")
    kill_and_restart(operators)
    eventually(lambda: not edge.exists(), "the gateway to be gone")
    assert {kubelet.deleted[pod.metadata.name] for pod in pods} == {0}


def test_a_new_leader_reserves_what_a_pod_out_of_reach_may_release(gateways, operators, clients, kubelet, admin):
    operators.start()
    edge = gateways(replicas=4, scaleDown={"maxConcurrentDrains": 2}, reconnectBudget={"perSecondPerReceiver": 1, "perSecondMax": 2})
    for pod in edge.wait_ready(4):
        clients(pod, 80)
    edge.scale(2)
    silent, other = eventually(lambda: shared_evenly(edge, admin), "two drains that share the budget")
    with kubelet.frozen(silent):
        kill_and_restart(operators)
        # There is more to give now, and the pod that answers gets all of it but what the other may still be releasing.
        edge.change(reconnectBudget={"perSecondPerReceiver": 2, "perSecondMax": 4})
        rates = []

        def raised():
            rates.append(admin.rate(other))
            return rates[-1] > 2.8

        eventually(raised, "the rest of the budget")
        reserved = float(edge.pod(silent.metadata.name).metadata.annotations[RATE])
        assert max(rates) <= 4.01 - reserved
    edge.change(reconnectBudget=FREE)
    edge.wait_pods(2)


def shared_evenly(edge, admin):
    """The two draining pods, once each has half of the budget of two, and no more is recorded."""
    pods = edge.draining()
    recorded = [float((pod.metadata.annotations or {}).get(RATE, 0)) for pod in pods]
    halves = len(pods) == 2 and all(0.8 < rate < 1.2 for rate in [*recorded, *map(admin.rate, pods)])
    return pods if halves else None


def test_another_pod_of_the_same_name_is_not_deleted(edge, operators, api):
    """What was decided about a pod holds for its UID alone."""
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = eventually(lambda: accepted(edge), "an accepted drain")
    (operator,) = operators.running()
    operator.kill()
    api.core.delete_namespaced_pod(drain["pod"], edge.namespace, grace_period_seconds=0)
    eventually(lambda: drain["pod"] not in {pod.metadata.name for pod in edge.pods()}, "the drained pod to be gone")
    labels = {"sluice.dev/gateway": "edge", "sluice.dev/state": "draining", "sluice.dev/traffic": "off"}
    past = '{"reason":"ScaleDown","startedAt":"2020-01-01T00:00:00Z","deadline":"2020-01-01T00:01:00Z"}'
    body = {"metadata": {"name": drain["pod"], "labels": labels, "annotations": {DRAIN: past}}, "spec": {"containers": [{"name": "gateway", "image": "x"}]}}
    stranger = api.core.create_namespaced_pod(edge.namespace, body)
    operators.start()
    assert edge.wait_event("StrangePod")
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")
    assert edge.pod(drain["pod"]).metadata.uid == stranger.metadata.uid
    assert edge.pod(drain["pod"]).metadata.deletion_timestamp is None


def leader_of(operators):
    return next((operator for operator in operators.running() if operator.leads()), None)


def holder(api):
    return api.leases.read_namespaced_lease("sluice-operator", SYSTEM).spec.holder_identity


def test_of_two_operators_one_leads_and_the_other_takes_over(gateways, operators, clients, kubelet, api):
    first = operators.start(elect=True)
    eventually(first.leads, "the first to lead")
    second = operators.start(elect=True)
    edge = gateways(replicas=3)
    for pod in edge.wait_ready(3):
        clients(pod, 40)  # At one a second more than a takeover takes.
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = eventually(lambda: accepted(edge), "an accepted drain")
    assert not second.leads()
    decision = edge.decision(drain["pod"])

    first.kill()
    eventually(second.leads, "the second to take over", within_s=60)
    assert edge.decision(drain["pod"]) == decision
    edge.change(reconnectBudget={"perSecondPerReceiver": 100, "perSecondMax": 100})
    edge.wait_pods(2)
    assert kubelet.deleted[drain["pod"]] == 0
    assert len(edge.events("DrainStarted")) == 1

    # One that is told to stop hands the Lease over at once.
    third = operators.start(elect=True)
    assert second.stop() == 0
    eventually(third.leads, "the third to take over")
    assert third.stop() == 0
    assert not holder(api)


def test_an_operator_that_loses_its_lease_ends(operators, api):
    operator = operators.start(elect=True)
    eventually(operator.leads, "it to lead")
    api.leases.patch_namespaced_lease("sluice-operator", SYSTEM, {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 600}})
    eventually(lambda: not operator.running(), "the operator to end")
    assert operator.process.returncode == 1
    assert "the lease is lost" in operator.log
    api.leases.delete_namespaced_lease("sluice-operator", SYSTEM)
