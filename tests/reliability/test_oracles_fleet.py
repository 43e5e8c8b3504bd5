"""The oracles of freezes, health, canaries, endpoints and evictions: each complains of what it is there for, and of nothing in a good run."""

import datetime
import json

import pytest
from harness import oracles_fleet as oracles
from harness.facts import DRAIN, HEALTH, Eviction, seconds_of
from test_oracles import Story, complaints

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)


def clock(seconds):
    """As an annotation says it."""
    return (NOON + datetime.timedelta(seconds=seconds)).isoformat()


def test_a_drain_that_begins_under_a_freeze():
    frozen = Story().gateway(1, drainFreeze=True).pods("a", "b")
    assert complaints(oracles.nothing_begins_under_a_freeze, frozen.pod("a", draining=True).history)
    lifted = Story().gateway(1, drainFreeze=True).pods("a", "b").gateway(1).pod("a", draining=True)
    assert not complaints(oracles.nothing_begins_under_a_freeze, lifted.history)
    before = Story().gateway(1).pods("a", "b").pod("a", draining=True).gateway(1, drainFreeze=True).pod("a", draining=True, ready=False)
    assert not complaints(oracles.nothing_begins_under_a_freeze, before.history)
    # What has happened just now the operator cannot know yet.
    race = Story().gateway(1).pods("a", "b").gateway(1, drainFreeze=True, at=50.0).pod("a", draining=True, at=50.2)
    assert not complaints(oracles.nothing_begins_under_a_freeze, race.history)


def drain(began, deadline, frozen=None):
    record = {"reason": "ScaleDown", "startedAt": clock(began), "deadline": clock(deadline)}
    return {DRAIN: json.dumps(record | ({"frozenAt": clock(frozen)} if frozen is not None else {}))}


@pytest.mark.parametrize(
    "began, deadline, complains",
    [
        (5, 65, False),  # Frozen from 3 to 8 s.
        (5, 60, True),  # The deadline ran on.
        (0, 65, True),
        (2, 62, True),  # As if the freeze had ended before it was lifted.
        (9, 69, True),  # Or after that was seen.
    ],
)
def test_a_clock_that_runs_under_a_freeze(began, deadline, complains):
    story = Story().gateway(1, at=0).pod("a", annotations=drain(0, 60), at=1)
    story.gateway(1, drainFreeze=True, at=2).pod("a", annotations=drain(0, 60, frozen=3), at=3)
    story.gateway(1, at=7.5).pod("a", annotations=drain(began, deadline), at=8.5)
    assert bool(complaints(oracles.clocks_stand_still_under_a_freeze, story.history, wall=NOON.timestamp())) == complains


def test_a_drain_that_is_taken_back_under_a_freeze():
    story = Story().gateway(1, at=0).pod("a", annotations=drain(0, 60), at=1)
    story.gateway(1, drainFreeze=True, at=2).pod("a", annotations=drain(0, 60, frozen=3), at=3).pod("a", at=4)
    story.gateway(1, at=8).pod("a", annotations=drain(8, 68), at=8.5)
    assert not complaints(oracles.clocks_stand_still_under_a_freeze, story.history, wall=NOON.timestamp())


def health(phase, since=0, **more):
    return {HEALTH: json.dumps({"event": "HeartbeatTimeout", "severity": 3, "phase": phase, "phaseSince": clock(since), **more})}


def put_out(story, name, **more):
    return story.pod(name, ready=False).pod(name, ready=False, annotations=health("Offline"), state="offline", traffic="off", **more)


def test_more_pods_out_than_may_be():
    one = put_out(Story().gateway(4, healing={"maxKickedPercent": 25}).pods("a", "b", "c", "d"), "a")
    assert not complaints(oracles.kicks_keep_to_their_limit, one.history)
    assert complaints(oracles.kicks_keep_to_their_limit, put_out(one, "b").history)
    # What is on its way back counts; what drains does not.
    back = put_out(Story().gateway(3).pods("a", "b", "c"), "a").pod("a", annotations=health("PendingRejoin"))
    assert complaints(oracles.kicks_keep_to_their_limit, put_out(back, "b").history)
    replaced = put_out(Story().gateway(3).pods("a", "b", "c"), "a").pod("a", ready=False, draining=True)
    assert not complaints(oracles.kicks_keep_to_their_limit, put_out(replaced, "b").history)
    assert complaints(oracles.kicks_keep_to_their_limit, put_out(Story().gateway(2, healing={"maxKickedPercent": 0}).pods("a", "b"), "a").history)
    assert complaints(oracles.kicks_keep_to_their_limit, put_out(Story().gateway(1).pods("a"), "a").history)


def test_a_pod_that_is_put_out_though_it_is_well():
    assert not complaints(oracles.nobody_is_put_out_who_is_well, put_out(Story().gateway(2).pods("a", "b"), "a").history)
    alone = Story().gateway(2).pods("a", "b").pod("a", annotations=health("Offline"))
    assert complaints(oracles.nobody_is_put_out_who_is_well, alone.history)
    relapse = put_out(Story().pods("a"), "a").pod("a", annotations=health("PendingRejoin")).pod("a", annotations=health("Offline"))
    assert not complaints(oracles.nobody_is_put_out_who_is_well, relapse.history)


def test_traffic_for_a_pod_that_is_out():
    assert not complaints(oracles.who_is_out_gets_no_traffic, put_out(Story().pods("a"), "a").history)
    assert complaints(oracles.who_is_out_gets_no_traffic, Story().pod("a", annotations=health("Offline"), state="offline", traffic="on").history)
    assert complaints(oracles.who_is_out_gets_no_traffic, Story().pod("a", annotations=health("PendingRejoin"), state="active", traffic="off").history)
    assert not complaints(oracles.who_is_out_gets_no_traffic, Story().pod("a", annotations=health("GrayTraffic", percent=10), state="gray", traffic="on").history)


OFF, GRAY_50, GRAY_100, IN = health("Offline"), health("GrayTraffic", 3, percent=50), health("GrayTraffic", 4, percent=100), {}
PENDING = health("PendingRejoin", 1)


@pytest.mark.parametrize(
    "way, complains",
    [
        ([OFF, PENDING, GRAY_50, GRAY_100, IN], False),
        ([OFF, PENDING, OFF, PENDING, GRAY_50, OFF], False),  # Relapses.
        ([OFF, PENDING, GRAY_50, GRAY_50, GRAY_100, IN], False),
        ([PENDING], True),
        ([OFF, IN], True),
        ([OFF, GRAY_50], True),
        ([OFF, PENDING, IN], True),
        ([OFF, PENDING, health("GrayTraffic", 2.5, percent=50)], True),  # It has been watched for too short a time.
        ([OFF, PENDING, health("GrayTraffic", 3, percent=40), GRAY_100], True),
        ([OFF, PENDING, GRAY_50, IN], True),
    ],
)
def test_a_step_that_is_left_out_on_the_way_back(way, complains):
    story = Story().gateway(2, healing={"observe": "2s"}).pods("a")
    for annotations in way:
        story.pod("a", annotations=annotations)
    assert bool(complaints(oracles.the_way_back_leaves_out_no_step, story.history)) == complains


def test_more_than_half_of_the_pods_out_of_the_endpoints():
    story = Story().gateway(4)
    for name in "abcd":
        story.pod(name, "ADDED", state="active", traffic="on")
    for name in "ab":
        story.pod(name, state="active", traffic="off")
    assert not complaints(oracles.half_stay_in_the_endpoints, story.history)
    assert complaints(oracles.half_stay_in_the_endpoints, story.pod("c", state="active", traffic="off").history)


class Canary(Story):
    """A fleet of four on revision 1, whose canary of revision 2 may be half of it for two seconds."""

    def __init__(self):
        super().__init__()
        self.look("Making", at=0)
        for name in "abcd":
            self.pod(name, "ADDED", revision="1", at=0)

    def look(self, phase, at):
        spec = {"replicas": 4, "rollout": {"canary": {"steps": [{"percent": 50, "hold": "2s"}]}}}
        status = {"currentRevision": "1", "updateRevision": "2", "rollout": {"revision": "2", "phase": phase}}
        return self.add("realtimegateways", "edge", spec=spec, status=status, at=at)

    def newer(self, name, at):
        return self.pod(name, "ADDED", ready=False, revision="2", at=at).pod(name, revision="2", at=at)


def test_a_canary_that_goes_on_too_soon():
    oracle = oracles.canaries_keep_to_their_step
    assert not complaints(oracle, Canary().newer("e", at=1).newer("f", at=2).newer("g", at=4.1).history)
    assert complaints(oracle, Canary().newer("e", at=1).newer("f", at=2).newer("g", at=2.5).history)
    unavailable = Canary().newer("e", at=1).pod("f", "ADDED", ready=False, revision="2", at=2)
    assert complaints(oracle, unavailable.newer("g", at=9).history)
    # The pods of the former template are none of its business, nor is a fleet without steps.
    assert not complaints(oracle, Canary().pod("e", "ADDED", revision="1", at=1).pod("f", "ADDED", revision="1", at=1).pod("g", "ADDED", revision="1", at=1).history)


def test_a_canary_that_goes_on_though_it_is_halted():
    oracle = oracles.canaries_keep_to_their_step
    halted = Canary().newer("e", at=1).newer("f", at=2).look("Halted", at=5)
    assert not complaints(oracle, halted.history)
    assert complaints(oracle, halted.newer("g", at=9).history)
    replaced = Canary().newer("e", at=1).newer("f", at=2).look("Halted", at=5).pod("f", "DELETED", revision="2", at=6)
    assert not complaints(oracle, replaced.newer("g", at=9).history)


@pytest.mark.parametrize(
    "status, connections, draining, healthy, missing, complains",
    [
        (429, 5, False, 2, 0, False),
        (404, 5, True, 2, 0, False),
        (201, 0, True, 2, 0, False),
        (201, 5, True, 3, 0, True),
        (201, 5, True, 3, 1, True),
        (201, 5, False, 2, 0, True),
        (201, 5, False, 3, 0, False),  # Another one stands in for it.
        (201, 5, False, 2, 1, False),
    ],
)
def test_an_eviction_of_a_pod_with_connections(status, connections, draining, healthy, missing, complains):
    story = Story().gateway(2, disruption={"maxUnavailable": missing}).pods("a", "b")
    evictions = (Eviction("p0", connections, draining, healthy, status),)
    assert bool(complaints(oracles.evictions_wait_for_the_drain, story.history, evictions=evictions)) == complains


def test_durations():
    assert [seconds_of(text) for text in ("1s", "1m30s", "250ms", "1.5h", "0s")] == [1, 90, 0.25, 5400, 0]
