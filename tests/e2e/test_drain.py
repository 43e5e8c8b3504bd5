"""A pod that goes is drained first, whatever happens meanwhile."""

import json
import time

import kubernetes
import pytest
from clients import Fleet
from gateway import Watcher
from operator_process import kill_leader
from waiting import eventually

DRAIN = "sluice.dev/drain"
# One connection a second: a drain that stays under way while a test does something to it.
HELD = {"perSecondPerReceiver": 1, "perSecondMax": 1}
HELD_CLIENTS = 150
FREE = {"perSecondPerReceiver": 100, "perSecondMax": 1000}
# Reconnects a second for sixty clients: were they dropped at once, all ends would come together.
BUDGET = 10


def assert_nobody_was_hurt(fleet, watcher):
    account = fleet.account
    assert account.abnormal == {}
    assert (account.lost, account.duplicates) == (0, 0)
    assert watcher.cut == [], "pods that were deleted while they held connections"


@pytest.mark.parametrize("hints", ["subprotocol", "query"])
def test_scale_down_moves_clients_in_mid_conversation(gateways, hints):
    edge = gateways("edge", replicas=3)
    with Fleet(edge.url(), 90, hints) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        before = eventually(lambda: all_connected(edge, 90), "every pod counting its clients")
        edge.scale(1)
        edge.wait_pods(1)
        survivor = edge.pods()[0].metadata.name
        heard = fleet.heard_since()
        eventually(lambda: fleet.connected() == 90 and heard(), "all clients talking on the last pod")
        assert sum(edge.connections().values()) == 90
    assert_nobody_was_hurt(fleet, watcher)
    assert len(watcher.deleted) == 2
    moved = sum(count for name, count in before.items() if name != survivor)
    assert fleet.account.hints >= moved
    assert fleet.account.ends["moved"] >= moved
    assert len(edge.wait_event("DrainCompleted")) >= 1


def all_connected(gateway, count):
    counted = gateway.connections()
    return counted if sum(counted.values()) == count else None


def test_clients_that_know_no_hints_are_told_in_the_close(gateways):
    edge = gateways("edge", replicas=2)
    with Fleet(edge.url(), 40, hints=None) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        edge.scale(1)
        edge.wait_pods(1)
        fleet.wait_connected()
    assert fleet.account.abnormal == {}
    assert fleet.account.ends["released"] > 0
    assert watcher.cut == []


def test_the_pod_with_the_fewest_connections_goes(gateways):
    edge = gateways("edge", replicas=1)
    with Fleet(edge.url(), 40) as fleet:
        fleet.wait_connected()
        crowded = edge.pods()[0].metadata.name
        edge.scale(2)
        edge.wait_ready(2)
        # The operator may know the pods as they were two seconds ago; the status shows what it knows.
        eventually(lambda: edge.status()["connections"]["active"] == 40, "the operator counting the clients")
        edge.scale(1)
        edge.wait_pods(1)
        assert edge.pods()[0].metadata.name == crowded
        assert fleet.account.hints == 0
    assert edge.wait_event("VictimSelected")


def held_drain(gateway):
    """Scales from two pods to one with a budget that keeps the drain under way; the draining pod, once it has been told to release."""
    gateway.change(reconnectBudget=HELD)
    gateway.scale(1)
    draining = eventually(gateway.draining, "a draining pod")[0]
    eventually(lambda: evicting(gateway, draining.metadata.name), "its drain to be in the phase Evicting")
    return draining


def evicting(gateway, pod):
    return any(drain["pod"] == pod and drain["phase"] == "Evicting" for drain in gateway.status().get("drains", []))


def test_scale_up_takes_a_draining_pod_back(gateways):
    edge = gateways("edge", replicas=2)
    with Fleet(edge.url(), HELD_CLIENTS) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        draining = held_drain(edge)
        assert edge.status()["replicas"] == 1
        edge.scale(2)
        edge.wait_ready(2)
        uids = {pod.metadata.uid for pod in edge.pods()}
        assert draining.metadata.uid in uids and len(uids) == 2
        eventually(lambda: len(edge.endpoints()) == 2, "the pod back among the endpoints")
        again = edge.core.read_namespaced_pod(draining.metadata.name, edge.namespace)
        assert again.metadata.labels["sluice.dev/state"] == "active"
        assert DRAIN not in (again.metadata.annotations or {})
        assert edge.wait_event("DrainCancelled")
        # It takes new connections again, and those that stayed go on.
        eventually(lambda: takes_new_ones(edge, draining), "a new connection on the pod that was taken back")
        heard = fleet.heard_since()
        eventually(lambda: fleet.connected() == HELD_CLIENTS and heard(), "all clients talking")
    assert_nobody_was_hurt(fleet, watcher)
    assert watcher.deleted == []


def takes_new_ones(gateway, pod):
    """Whether some of a few new clients landed on `pod`."""
    name = pod.metadata.name
    before = gateway.connections().get(name, 0)
    with Fleet(gateway.url(), 16) as more:
        more.wait_connected()
        return gateway.connections().get(name, 0) > before


def test_a_killed_operator_goes_on_where_it_was(gateways):
    edge = gateways("edge", replicas=2)
    coordination = kubernetes.client.CoordinationV1Api(edge.core.api_client)
    with Fleet(edge.url(), HELD_CLIENTS) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        draining = held_drain(edge)
        decision = decision_on(edge, draining)
        killed = kill_leader(edge.core, coordination)
        heard = fleet.heard_since()
        eventually(heard, "clients talking while there is no operator")
        assert decision_on(edge, draining) == decision
        edge.change(reconnectBudget=FREE)
        edge.wait_pods(1)
        assert edge.pods()[0].metadata.uid != draining.metadata.uid
        fleet.wait_connected()
        eventually(lambda: restarted(edge.core, killed), "the killed operator to be back")
    assert_nobody_was_hurt(fleet, watcher)
    assert watcher.deleted == [draining.metadata.name]


def decision_on(gateway, pod):
    """What is written on the pod: why it drains, since when, until when."""
    return json.loads(gateway.core.read_namespaced_pod(pod.metadata.name, gateway.namespace).metadata.annotations[DRAIN])


def restarted(core, pod):
    now = core.read_namespaced_pod(pod.metadata.name, pod.metadata.namespace)
    before = pod.status.container_statuses[0].restart_count
    return now.status.container_statuses[0].restart_count > before and now.status.container_statuses[0].ready


def test_a_deleted_gateway_drains_within_its_budget(gateways):
    edge = gateways("edge", replicas=2, reconnectBudget={"perSecondPerReceiver": BUDGET, "perSecondMax": BUDGET})
    with Fleet(edge.url(), 60, reconnect=False) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        eventually(edge.services, "its Service")
        began = time.monotonic()
        edge.kubectl("delete", "realtimegateway", "edge", "--wait=false")
        eventually(lambda: not edge.exists(), "the gateway to be gone", within_s=120)
        eventually(lambda: not edge.pods(), "its pods to be gone")
    assert fleet.account.abnormal == {}
    assert fleet.account.lost == 0
    assert watcher.cut == []
    assert fleet.account.hints == len(fleet.account.hinted_at) == len(fleet.account.ended_at) == 60
    assert sooner_than_paced(fleet.account.hinted_at, began) == []
    assert sooner_than_paced(fleet.account.ended_at, began) == []
    eventually(lambda: not edge.services(), "its Service to be collected")


def sooner_than_paced(times, began):
    """Those of a drain's events that a budget of BUDGET a second does not allow yet, as (how many so far, seconds since `began`).

    A gateway may save up one and a tenth of a second's worth (gateway/drain/pacing.h), and two of them have the whole budget in turns.
    """
    saved_up = 2 * (1 + BUDGET / 10)
    passed = [at - began for at in sorted(times)]
    return [(count, seconds) for count, seconds in enumerate(passed, start=1) if seconds < (count - saved_up) / BUDGET]


def test_a_pod_deleted_by_hand_drains_by_itself(gateways):
    edge = gateways("edge", replicas=2)
    with Fleet(edge.url(), 40) as fleet:
        fleet.wait_connected()
        gone = edge.pods()[0].metadata
        edge.kubectl("delete", "pod", gone.name, "--wait=false")
        eventually(lambda: gone.uid not in {pod.metadata.uid for pod in edge.pods()}, "the deleted pod to be gone", within_s=90)
        edge.wait_ready(2)
        fleet.wait_connected()
    assert fleet.account.abnormal == {}
    assert fleet.account.lost == 0
