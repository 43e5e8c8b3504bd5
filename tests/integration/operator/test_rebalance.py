"""Full pods and new ones behind one Service: they even out, and nobody's connection ends otherwise than it was told."""

import pytest
from clients import Fleet
from rtgw import connections_of
from stand_in_proxy import Proxy
from waiting import eventually

CLIENTS = 80
PER_SECOND = 5
# Ten connections are worth a move.
SPEC = {
    "capacity": {"connectionsPerPod": 1000},
    "reconnectBudget": {"perSecondPerReceiver": PER_SECOND, "perSecondMax": 1000},
    "drain": {"propagationDelay": "2s", "hintJitter": "1s", "timeout": "5m"},
}


@pytest.fixture
def edge(gateways, operator):
    made = gateways(replicas=2, **SPEC)
    made.wait_ready(2)
    return made


@pytest.fixture
def service(control_plane, edge):
    with Proxy(control_plane, edge.namespace, edge.name) as proxy:
        eventually(lambda: len(proxy.endpoints()) == 2, "two endpoints")
        yield proxy


def counts_of(edge):
    return {pod.metadata.name: connections_of(pod) for pod in edge.pods()}


def test_after_a_scale_up_full_pods_move_connections_to_the_new_ones(edge, service, operator):
    with Fleet(service.url, CLIENTS) as fleet:
        fleet.wait_connected()
        before = counts_of(edge)
        eventually(lambda: edge.status()["connections"]["active"] == CLIENTS, "the operator to know of all of them")
        edge.scale(4)
        edge.wait_ready(4)
        (told,) = edge.wait_event("RebalanceStarted")
        assert any(name in told for name in before)
        eventually(lambda: set(edge.status()["rebalance"]["pods"]) == set(before), "both full pods to be relieved")
        assert edge.status()["rebalance"]["phase"] == "Move"
        eventually(lambda: len(service.endpoints()) == 2, "two endpoints, the new ones")

        assert edge.wait_event("RebalanceCompleted")
        eventually(lambda: len(service.endpoints()) == 4, "four endpoints")
        counts = eventually(lambda: found if sum((found := counts_of(edge)).values()) == CLIENTS else None, "all connections in one place")
        assert max(counts.values()) <= CLIENTS / 4 + 10, counts
        assert fleet.connected() == CLIENTS

        account = fleet.account
        moved = sum(before.values()) - CLIENTS / 2
        assert moved - 4 <= account.hints <= moved + 12, account
        # Both together within the budget of two receivers. A client may read its hint late, never early.
        took = max(account.hinted_at) - min(account.hinted_at)
        assert took >= 0.8 * account.hints / (2 * PER_SECOND)
        assert account.abnormal == {} and account.lost == 0 and account.duplicates == 0
    assert operator.metric("sluice_operator_rebalances_total") == 1
    assert edge.status()["rebalance"] == {"phase": "None", "pods": []}
    assert not edge.draining()


def test_a_pod_that_is_lost_puts_the_full_ones_back_at_once(edge, service, kubelet, admin):
    edge.change(reconnectBudget={"perSecondPerReceiver": 1, "perSecondMax": 1000})
    with Fleet(service.url, CLIENTS) as fleet:
        fleet.wait_connected()
        full = set(counts_of(edge))
        edge.scale(4)
        edge.wait_ready(4)
        eventually(lambda: fleet.account.hints > 0, "the first to move")
        (new, other) = [pod for pod in edge.pods() if pod.metadata.name not in full]
        kubelet.crash(new)
        assert edge.wait_event("RebalanceCompleted")
        left = [pod for pod in edge.pods() if pod.metadata.uid != new.metadata.uid]
        eventually(lambda: all(pod.metadata.labels["sluice.dev/traffic"] == "on" for pod in edge.pods() if pod.metadata.uid != new.metadata.uid), "their labels")
        eventually(lambda: set(service.endpoints()) == {pod.status.pod_ip for pod in left}, "the endpoints of all that are left")
        assert other.status.pod_ip in service.endpoints()
        # And nobody is let go any more. The gateways themselves say so.
        for pod in left:
            eventually(lambda pod=pod: admin.state(pod)["shed"] is None, "the end of what it released")
