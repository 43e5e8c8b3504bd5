"""Drains that a person holds, lets run over, or takes back."""

import time

from rtgw import DRAIN, FREE, HELD, connections_of
from waiting import eventually


def frozen(edge):
    """The drain's record, once the freeze is on it."""
    pods = edge.draining()
    record = edge.decision(pods[0].metadata.name) if pods else None
    return record if record and "frozenAt" in record else None


def stands_still(pod, admin, for_s=3):
    """Whether its gateway neither drains nor lets anybody go for so long."""
    before = connections_of(pod)
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        state = admin.state(pod)
        if state is None or state["drain"] is not None or connections_of(pod) != before:
            return False
    return True


def started(edge, clients, count=30):
    """A drain that has begun to let clients go, slowly."""
    for pod in edge.pods():
        clients(pod, count)
    edge.change(reconnectBudget={"perSecondPerReceiver": 2, "perSecondMax": 2})
    edge.scale(2)
    drain = eventually(lambda: next((d for d in edge.drains() if d.get("rate")), None), "an accepted drain")
    return edge.pod(drain["pod"])


def test_a_freeze_stops_a_drain_and_its_clock_and_a_thaw_lets_it_go_on(edge, clients, admin, kubelet):
    pod = started(edge, clients)
    before = edge.decision(pod.metadata.name)
    edge.change(drainFreeze=True)
    eventually(lambda: frozen(edge), "the freeze on the pod")
    eventually(lambda: admin.state(pod)["drain"] is None, "a gateway that lets nobody go")
    assert stands_still(pod, admin)
    assert edge.pod(pod.metadata.name).metadata.labels["sluice.dev/traffic"] == "off"
    eventually(lambda: edge.condition("Draining").get("reason") == "Frozen", "the freeze in the condition")
    assert "until spec.drainFreeze is false" in edge.condition("Draining")["message"]
    assert edge.wait_phase("Frozen", pod.metadata.name)

    edge.change(drainFreeze=False, reconnectBudget=FREE)
    eventually(lambda: not frozen(edge), "the thaw")
    assert edge.decision(pod.metadata.name)["deadline"] > before["deadline"]
    edge.wait_pods(2)
    assert kubelet.deleted[pod.metadata.name] == 0
    assert edge.wait_event("DrainFrozen") and edge.wait_event("DrainResumed")


def test_nothing_begins_while_drains_are_frozen(edge, clients, operator):
    for pod in edge.pods():
        clients(pod, 5)
    edge.change(drainFreeze=True)
    edge.scale(2)
    eventually(lambda: edge.status()["connections"]["active"] == 15, "the operator to know of all clients")
    eventually(lambda: edge.condition("ScaleDownBlocked").get("reason") == "DrainFreeze", "what blocks the scale-down")
    version = edge.read()["metadata"]["resourceVersion"]
    states = 'sluice_operator_admin_calls_total{result="ok",verb="state"}'
    asked, begin = operator.metric(states), time.monotonic()
    eventually(lambda: operator.metric(states) >= asked + 6, "its states asked for twice more")
    assert time.monotonic() - begin > 4, "a freeze must not make the operator ask for victims all the time"
    assert edge.read()["metadata"]["resourceVersion"] == version
    assert not edge.draining()
    edge.change(drainFreeze=False)
    edge.wait_pods(2)


def test_a_frozen_drain_survives_a_crash_and_is_taken_back_by_a_scale_up(gateways, operators, clients, admin):
    operators.start()
    edge = gateways(replicas=3)
    edge.wait_ready(3)
    uids = {pod.metadata.uid for pod in edge.pods()}
    pod = started(edge, clients)
    edge.change(drainFreeze=True)
    record = eventually(lambda: frozen(edge), "the freeze on the pod")
    (operator,) = operators.running()
    operator.kill()
    operators.start()
    eventually(lambda: admin.state(pod)["drain"] is None, "a gateway that lets nobody go")
    assert stands_still(pod, admin)
    assert edge.decision(pod.metadata.name) == record
    edge.scale(3)
    edge.wait_ready(3)
    back = edge.pod(pod.metadata.name)
    assert back.metadata.labels["sluice.dev/traffic"] == "on" and DRAIN not in (back.metadata.annotations or {})
    assert {pod.metadata.uid for pod in edge.pods()} == uids


def test_a_freeze_does_not_keep_a_pod_that_somebody_deletes(edge, clients, api, kubelet):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 8)
    edge.change(drainFreeze=True)
    name = pods[0].metadata.name
    api.core.delete_namespaced_pod(name, edge.namespace)
    eventually(lambda: name not in {pod.metadata.name for pod in edge.pods() if pod.metadata.uid == pods[0].metadata.uid}, "the pod to be gone")
    edge.wait_ready(3)


def test_a_deleted_gateway_serves_on_until_the_freeze_is_over(edge, clients):
    for pod in edge.pods():
        clients(pod, 3)
    edge.change(drainFreeze=True)
    edge.delete()
    eventually(lambda: edge.condition("ScaleDownBlocked").get("reason") == "DrainFreeze", "what blocks the deletion")
    assert not edge.draining() and len(edge.pods()) == 3
    edge.change(drainFreeze=False)
    eventually(lambda: not edge.exists(), "the gateway to be gone")


def test_a_drain_that_waits_goes_on_past_its_deadline(edge, clients, kubelet):
    for pod in edge.pods():
        clients(pod, 30)
    edge.change(reconnectBudget=HELD, drain={"propagationDelay": "1s", "hintJitter": "1s", "timeout": "6s", "onTimeout": "Wait"})
    edge.scale(2)
    drain = eventually(lambda: next((d for d in edge.drains() if d.get("rate")), None), "an accepted drain")
    eventually(lambda: edge.condition("DrainWillTimeOut").get("status") == "True", "the warning before it")
    assert "(drain.onTimeout is Wait)" in edge.condition("DrainWillTimeOut")["message"]
    edge.wait_phase("TimedOut", drain["pod"])
    pod = edge.pod(drain["pod"])
    left = connections_of(pod)
    assert left > 10, "the deadline must close nobody"
    eventually(lambda: connections_of(pod) <= left - 3, "a few more to go")
    assert connections_of(pod) > 0 and pod.metadata.name not in kubelet.deleted
    (told,) = edge.wait_event("DrainTimedOut")
    assert told.startswith(f"{pod.metadata.name} has passed its deadline with ") and told.endswith("goes on, since drain.onTimeout is Wait")
    edge.change(reconnectBudget=FREE)
    edge.wait_pods(2)
    assert kubelet.deleted[pod.metadata.name] == 0
    assert not edge.events("BudgetExceeded")


def test_a_drain_that_is_final_is_not_taken_back(edge, clients):
    for pod in edge.pods():
        clients(pod, 20)
    edge.change(reconnectBudget=HELD, drain={"reversible": False})
    edge.scale(2)
    drain = eventually(edge.drains, "a drain")[0]
    edge.scale(3)
    eventually(lambda: len(edge.pods()) == 4, "a new pod beside the one that goes")
    assert edge.decision(drain["pod"])
    assert not edge.events("DrainCancelled")
    edge.change(reconnectBudget=FREE)
    edge.wait_ready(3)


def test_after_a_drain_was_taken_back_none_begins_for_the_hold(edge, clients):
    for pod in edge.pods():
        clients(pod, 20)
    edge.change(reconnectBudget=HELD, drain={"reverseHold": "8s"})
    edge.scale(2)
    eventually(edge.draining, "a draining pod")
    edge.scale(3)
    eventually(lambda: not edge.draining(), "the pod back")
    back_at = time.monotonic()
    edge.scale(2)
    eventually(lambda: edge.condition("ScaleDownBlocked").get("reason") == "ReverseHold", "what blocks the scale-down")
    eventually(edge.draining, "the next drain")
    assert time.monotonic() - back_at >= 6


def test_a_close_code_changed_under_way_reaches_the_clients(edge, clients):
    fleets = [clients(pod, 20) for pod in edge.pods()]
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    eventually(lambda: next((d for d in edge.drains() if d.get("rate")), None), "an accepted drain")
    edge.change(drain={"closeCode": 1013}, reconnectBudget={"perSecondPerReceiver": 3, "perSecondMax": 3})
    edge.wait_pods(2)
    ends = sum((list(fleet.account.ends) for fleet in fleets), [])
    assert any(how.startswith("1013 reconnect-after-ms=") for how in ends), ends
