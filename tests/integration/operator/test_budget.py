"""One budget for everything that releases connections, measured where it counts: at the clients."""

import re
import threading
import time

import pytest
from rtgw import FREE, HELD, connections_of
from waiting import eventually

# The gateways' own burst (a tenth of a second's worth and one token), and departures that meet within their spread.
OVERLAP = 1.1


def most_in_window(times, window_s):
    """The most of `times` within any window of so many seconds."""
    times = sorted(times)
    most = begin = 0
    for end, time_at in enumerate(times):
        while times[begin] < time_at - window_s:
            begin += 1
        most = max(most, end - begin + 1)
    return most


class Lateness:
    """How late this process gets to do what is due, at worst: on a busy machine clients see several closes at once."""

    def __init__(self):
        self.worst_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while True:
            due = time.monotonic() + 0.02
            if self._over.wait(0.02):
                return
            self.worst_s = max(self.worst_s, time.monotonic() - due)


@pytest.fixture
def lateness():
    with Lateness() as running:
        yield running


def assert_within(fleets, per_second, lateness, windows=(2, 5, 10)):
    ended = [at for fleet in fleets for at in fleet.account.ended_at]
    # The clients and the gateways may each be late.
    late_s = 2 * lateness.worst_s
    for window_s in windows:
        allowed = OVERLAP * per_second * (window_s + late_s) + 1 + per_second / 10 + 2
        assert most_in_window(ended, window_s) <= allowed, f"in {window_s} s at {per_second}/s, of {len(ended)}, late by {late_s:.1f} s"
    return len(ended)


def test_two_drains_and_a_terminating_pod_keep_to_one_budget(gateways, operator, clients, api, lateness):
    grace = {"spec": {"terminationGracePeriodSeconds": 300}}
    final = {"propagationDelay": "1s", "hintJitter": "1s", "timeout": "5m", "reversible": False}  # The pod deleted by hand takes no drain back.
    budget = {"perSecondPerReceiver": 2, "perSecondMax": 4}
    edge = gateways(replicas=5, scaleDown={"maxConcurrentDrains": 2}, reconnectBudget=budget, drain=final, template=grace)
    pods = edge.wait_ready(5)
    fleets = [clients(pod, 60) for pod in pods]
    edge.scale(3)
    draining = eventually(lambda: len(edge.draining()) == 2 and edge.draining(), "two drains")
    eventually(lambda: sum(d.get("rate", 0) for d in edge.drains()) > 3.5, "two drains that use the budget up")
    names = {pod.metadata.name for pod in draining}
    victim = next(pod for pod in pods if pod.metadata.name not in names)
    api.core.delete_namespaced_pod(victim.metadata.name, edge.namespace)
    entry = eventually(lambda: next((d for d in edge.drains() if d["pod"] == victim.metadata.name and d.get("rate")), None), "its share")
    assert (entry["reason"], entry["phase"]) == ("Terminating", "Terminating")

    def shared():
        rates = [drain.get("rate", 0) for drain in edge.drains()]
        return len(rates) == 3 and min(rates) > 0 and 3.5 < sum(rates) <= 4.16

    eventually(shared, "three that share the budget")
    budget = edge.status()["budget"]
    assert budget["perSecond"] == 4 and budget["throttlePercent"] == 100
    eventually(lambda: len(edge.draining()) == 0 and victim.metadata.uid not in {p.metadata.uid for p in edge.pods()}, "all three gone", within_s=120)
    assert assert_within(fleets, 4, lateness) == 180


def test_a_pod_deleted_by_hand_beside_a_drain_shares_its_budget(edge, clients, api, admin, lateness):
    """As kubectl delete pod does it, on a pod that drains already: the record stays, the clock is the kubelet's."""
    fleets = [clients(pod, 40) for pod in edge.pods()]
    edge.change(reconnectBudget={"perSecondPerReceiver": 3, "perSecondMax": 3})
    edge.scale(2)
    drain = eventually(lambda: next((d for d in edge.drains() if d.get("rate")), None), "an accepted drain")
    pod = edge.pod(drain["pod"])
    api.core.delete_namespaced_pod(pod.metadata.name, edge.namespace)
    entry = eventually(lambda: next((d for d in edge.drains() if d["pod"] == drain["pod"] and d["phase"] == "Terminating"), None), "the pod to terminate")
    assert entry["reason"] == "ScaleDown" and entry["deadline"] < drain["deadline"]
    assert admin.rate(pod) <= 3.01
    edge.wait_pods(2)
    assert_within(fleets, 3, lateness)


def test_a_grace_period_too_short_for_the_budget_is_told_and_kept(gateways, operator, clients, api):
    """60 connections and 30 s: the budget of 1/s is not enough, and what must go goes evenly."""
    edge = gateways(replicas=2, reconnectBudget=HELD)
    first, second = edge.wait_ready(2)
    fleet = clients(first, 60)
    clients(second, 5)
    api.core.delete_namespaced_pod(first.metadata.name, edge.namespace)
    eventually(lambda: edge.condition("BudgetExhausted").get("reason") == "PodsTerminate", "the shortage to be told")
    (told,) = edge.wait_event("BudgetExceeded")
    assert re.match(rf"{first.metadata.name} is being deleted and has (60|5\d) connections left until \S+Z, more than the reconnect budget", told), told
    eventually(lambda: first.metadata.uid not in {p.metadata.uid for p in edge.pods()}, "the pod to be gone")
    assert len(fleet.account.ended_at) == 60
    # 60 in four fifths of 30 s, nine tenths of that: 2.9/s.
    assert most_in_window(fleet.account.ended_at, 5) <= 2 * 2.9 * 5
    assert fleet.account.ended_at[-1] - fleet.account.ended_at[0] > 10


def test_a_crash_while_a_pod_terminates_leaves_its_share(gateways, operators, clients, api, admin, lateness):
    operators.start()
    edge = gateways(replicas=3, reconnectBudget={"perSecondPerReceiver": 1, "perSecondMax": 2}, template={"spec": {"terminationGracePeriodSeconds": 300}})
    edge.change(drain={"reversible": False})
    pods = edge.wait_ready(3)
    fleets = [clients(pod, 40) for pod in pods]
    edge.scale(2)
    eventually(lambda: next((d for d in edge.drains() if d.get("rate")), None), "an accepted drain")
    victim = next(pod for pod in edge.pods() if pod.metadata.labels["sluice.dev/state"] == "active")
    api.core.delete_namespaced_pod(victim.metadata.name, edge.namespace)
    eventually(lambda: 0 < admin.rate(victim) < 1.9, "its share")
    (operator,) = operators.running()
    operator.kill()
    operators.start()
    eventually(lambda: any(d["pod"] == victim.metadata.name and d.get("rate") for d in edge.drains()), "the new leader to tell of it")
    ended = sum(len(fleet.account.ended_at) for fleet in fleets)
    eventually(lambda: sum(len(fleet.account.ended_at) for fleet in fleets) >= ended + 8, "more clients to go")
    assert_within(fleets, 2, lateness)
    edge.change(reconnectBudget=FREE)
    edge.wait_ready(2)


def test_a_drain_that_cannot_be_done_in_time_says_so_when_it_starts(edge, clients):
    for pod in edge.pods():
        clients(pod, 40)
    edge.change(reconnectBudget=HELD, drain={"propagationDelay": "5s", "hintJitter": "1s", "timeout": "25s"})
    edge.scale(2)
    condition = eventually(lambda: edge.condition("DrainWillTimeOut")["status"] == "True" and edge.condition("DrainWillTimeOut"), "the warning")
    assert edge.drains()[0]["phase"] == "Propagating"
    name = edge.drains()[0]["pod"]
    words = rf"{name} has 40 connections left and gets 1\.0/s: it would be done at \S+Z, \d+s after its deadline, \S+Z; "
    words += "what is left then is closed at once: raise reconnectBudget.perSecondMax, or drain.timeout for the drains to come"
    assert re.fullmatch(words, condition["message"]), condition["message"]
    edge.change(reconnectBudget=FREE)
    eventually(lambda: edge.condition("DrainWillTimeOut")["status"] == "False", "the budget to be enough")
    edge.wait_pods(2)


def test_a_budget_used_by_who_does_not_answer_is_told(gateways, operator, clients, kubelet):
    edge = gateways(replicas=4, scaleDown={"maxConcurrentDrains": 2}, reconnectBudget={"perSecondPerReceiver": 1, "perSecondMax": 2})
    for pod in edge.wait_ready(4):
        clients(pod, 60)
    edge.scale(3)
    drain = eventually(lambda: next((d for d in edge.drains() if d.get("rate") == 2), None), "a drain that has all of the budget")
    with kubelet.frozen(edge.pod(drain["pod"])):
        edge.scale(2)
        eventually(lambda: edge.condition("BudgetExhausted").get("reason") == "Reserved", "the shortage to be told")
        assert "may be using up the budget of 2.0/s" in edge.condition("BudgetExhausted")["message"]
    eventually(lambda: edge.condition("BudgetExhausted")["status"] == "False", "a share for both")
    edge.change(reconnectBudget=FREE)
    edge.wait_pods(2)


def test_receivers_that_are_slow_to_shake_hands_get_fewer(gateways, operator, clients):
    edge = gateways(replicas=2, reconnectBudget={"perSecondPerReceiver": 4, "perSecondMax": 4, "handshakeP99Max": "1ms"})
    for pod in edge.wait_ready(2):
        clients(pod, 60)  # No handshake is so fast.
    edge.scale(1)
    eventually(lambda: edge.status()["budget"]["throttlePercent"] < 100, "the throttle")
    eventually(lambda: edge.condition("BudgetExhausted").get("reason") == "Throttled", "the throttle to be told")
    assert "reconnectBudget.handshakeP99Max is 1ms" in edge.condition("BudgetExhausted")["message"]
    eventually(lambda: any(0 < d.get("rate", 0) < 4 for d in edge.drains()), "a lower rate")
    edge.change(reconnectBudget={**FREE, "handshakeP99Max": "1m"})
    eventually(lambda: edge.status()["budget"]["throttlePercent"] == 100, "the throttle to end")
    edge.wait_pods(1)


def test_the_capacity_guard_keeps_a_drain_from_beginning(edge, clients):
    fleets = [clients(pod, 20) for pod in edge.pods()]
    edge.change(capacity={"connectionsPerPod": 30})
    eventually(lambda: edge.status()["connections"]["active"] == 60, "the operator to know of sixty connections")
    edge.scale(2)
    (told,) = edge.wait_event("CapacityGuard")
    assert told.startswith("60 connections would be 30 on each of 2 remaining pods, and 27 is the most")
    eventually(lambda: edge.condition("ScaleDownBlocked")["reason"] == "CapacityGuard", "what blocks the scale-down")
    assert not edge.draining()
    fleets[0].leave(15)
    edge.wait_pods(2)
    eventually(lambda: edge.condition("ScaleDownBlocked")["status"] == "False", "nothing to block any more")


def test_drains_can_be_seen_in_the_metrics(edge, clients, operator):
    for pod in edge.pods():
        clients(pod, 10)
    edge.scale(2)
    edge.wait_pods(2)
    edge.wait_event("DrainCompleted")
    assert operator.metric('sluice_operator_drain_seconds_count{reason="ScaleDown"}') == 1
    assert operator.metric('sluice_operator_connections_moved_total{reason="ScaleDown"}') == 10
    labels = f'{{name="edge",namespace="{edge.namespace}"}}'
    assert operator.metric(f"sluice_operator_reconnect_budget{labels}") == 200
    assert operator.metric(f"sluice_operator_reconnect_throttle_ratio{labels}") == 1
    assert sum(connections_of(pod) for pod in edge.pods()) == 20
    edge.delete()
    eventually(lambda: operator.metric(f"sluice_operator_reconnect_budget{labels}") is None, "the gauges to go with the gateway")
