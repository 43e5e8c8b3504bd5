"""The real HPA, our adapter, a real Prometheus."""

import math

from autoscaler import Autoscaler, connections_metric, queue_metric, served_connections
from clients import Fleet
from gateway import Watcher
from tasks import TaskBurst
from waiting import eventually

# Scrape, relist, HPA sync: what an autoscaler's answer is made of.
REACTION_S = 180


def test_connections_scale_up_and_down_and_every_pod_that_goes_is_drained(gateways):
    edge = gateways("edge", replicas=1)
    Autoscaler(edge, connections_metric(edge, target=30))
    with Watcher(edge) as watcher, Fleet(edge.url(), 60, seed=1) as first:
        first.wait_connected()
        edge.wait_ready(2, within_s=REACTION_S)
        edge.wait_reached(2)
        # Those that come now land on both pods, so that the one that goes later is not empty.
        with Fleet(edge.url(), 30, seed=2) as second:
            second.wait_connected()
            edge.wait_ready(3, within_s=REACTION_S)
            first.leave(55)
            second.leave(10)
            edge.wait_pods(1, within_s=REACTION_S)
            heard_first, heard_second = first.heard_since(), second.heard_since()
            eventually(lambda: (first.connected(), second.connected()) == (5, 20), "the clients that stayed")
            eventually(lambda: heard_first() and heard_second(), "them talking")
    assert max(watcher.replicas) == 3
    assert len(watcher.deleted) == 2
    assert watcher.cut == []
    assert first.account.hints + second.account.hints > 0
    for account in (first.account, second.account):
        assert account.abnormal == {}
        assert (account.lost, account.duplicates) == (0, 0)


def test_queue_length_scales_up(gateways):
    edge = gateways("edge", replicas=1)
    autoscaler = Autoscaler(edge, connections_metric(edge, target=1000), queue_metric(target=4))
    eventually(autoscaler.is_active, "the HPA reading both metrics", within_s=REACTION_S)
    # 30 GB, half a minute of one worker's time: longer than a scrape and a decision of the HPA together.
    with TaskBurst(edge.url("/tasks"), connections=4, tasks=240, megabytes=128) as burst, Watcher(edge) as watcher:
        eventually(lambda: max(watcher.replicas, default=1) > 1, "more replicas because of the queue", within_s=REACTION_S)
        burst.wait_all_answered(within_s=300)
    assert burst.failed == []
    assert len(burst.digests) == 1, "the same data has one digest"


def test_a_slow_drain_never_makes_the_hpa_cut_further(gateways):
    """The connections of a draining pod stay in the sum: replicas never fall below ceil(total / target) while it drains."""
    target, clients, staying = 50, 150, 100
    edge = gateways("edge", replicas=3)
    with Fleet(edge.url(), clients) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        eventually(lambda: sum(edge.connections().values()) == clients, "the pods counting every client")
        # A new HPA decides at once, and by what was scraped while the clients were still coming it would cut.
        eventually(lambda: served_connections(edge) == clients, "the adapter counting every client", within_s=REACTION_S)
        autoscaler = Autoscaler(edge, connections_metric(edge, target))
        eventually(autoscaler.is_active, "the HPA reading its metric", within_s=REACTION_S)
        # One a second: a pod's thirty clients keep it for half a minute, six times as long as the HPA takes to decide again.
        edge.change(reconnectBudget={"perSecondPerReceiver": 1, "perSecondMax": 1})
        fleet.leave(clients - staying)
        eventually(edge.draining, "a drain to begin", within_s=REACTION_S)
        eventually(lambda: len(edge.pods()) == 2 and not edge.draining(), "the slow drain to end", within_s=300)
        assert fleet.connected() == staying
        least = math.ceil(staying / target)
        assert min(watcher.replicas) >= least, watcher.replicas
        assert edge.read()["spec"]["replicas"] == least
        assert autoscaler.is_active()
    assert fleet.account.abnormal == {}
    assert fleet.account.lost == 0
    assert fleet.account.hints > 0
    assert watcher.cut == []
