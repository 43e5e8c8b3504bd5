"""Each oracle complains of what it is there for, and of nothing in a good run."""

import json
import types

import pytest
from harness import facts, oracles, pacing
from harness.facts import DRAIN, AtDelete, Evidence
from harness.record import Seen

RECORD = json.dumps({"reason": "ScaleDown", "startedAt": "2026-01-01T00:00:00Z", "deadline": "2026-01-01T00:01:00Z"})
DEADLINE = facts.deadline_of({DRAIN: RECORD})


class Story:
    """A history, version by version."""

    def __init__(self):
        self.history = []

    def add(self, resource, name, kind="MODIFIED", at=None, **thing):
        version = len(self.history) + 1
        thing.setdefault("metadata", {}).update(name=name, uid=f"uid-{name}")
        self.history.append(Seen(version, float(version) * 10 if at is None else at, kind, resource, thing))
        return self

    def gateway(self, replicas, at=None, **spec):
        return self.add("realtimegateways", "edge", spec={"replicas": replicas, **spec}, at=at)

    def pod(self, name, kind="MODIFIED", ready=True, draining=False, terminating=False, at=None, annotations=None, **labels):
        meta = {"annotations": {DRAIN: RECORD} if draining else annotations or {}, "labels": {f"sluice.dev/{key}": value for key, value in labels.items()}}
        meta |= {"deletionTimestamp": "2026-01-01T00:00:30Z"} if terminating else {}
        return self.add("pods", name, kind, at, metadata=meta, spec={}, status={"conditions": [{"type": "Ready", "status": str(ready)}]})

    def pods(self, *names):
        for name in names:
            self.pod(name, "ADDED")
        return self


def write(note=None, method="DELETE", resource="pods", name="a", uid="uid-a", status=200):
    body = {"preconditions": {"uid": uid}} if uid else {}
    return types.SimpleNamespace(method=method, resource=resource, name=name, json=body, status=status, note=note)


def at_delete(uid="uid-a", owned=True, connections=0, deadline=None, now=DEADLINE - 30):
    return AtDelete(uid, owned, connections, deadline, now)


def complaints(oracle, history=(), writes=(), accounts=(), **more):
    return list(oracle(Evidence(list(history), list(writes), list(accounts), **more)))


@pytest.mark.parametrize(
    "note, complains",
    [
        (at_delete(), False),
        (at_delete(connections=3), True),
        (at_delete(connections=3, deadline=DEADLINE), True),
        (at_delete(connections=3, deadline=DEADLINE, now=DEADLINE + 1), False),
        (at_delete(connections=3, uid="another"), False),  # The API server refuses it: the name is another pod's by now.
    ],
)
def test_a_delete_of_a_pod_with_connections(note, complains):
    assert bool(complaints(oracles.no_pod_goes_with_connections, writes=[write(note)])) == complains


@pytest.mark.parametrize(
    "one, complains",
    [
        (write(at_delete()), False),
        (write(at_delete(), uid=None), True),
        (write(at_delete(uid="another")), True),
        (write(at_delete(uid="another"), status=409), False),
        (write(at_delete(owned=False)), True),
        (write(at_delete(), name="stranger"), True),
        (write(None, resource="services"), True),
        (write(None, method="PATCH"), False),
    ],
)
def test_a_delete_of_a_wrong_pod(one, complains):
    assert bool(complaints(oracles.no_delete_of_a_wrong_pod, writes=[one], strangers=frozenset(["stranger"]))) == complains


def test_more_drains_than_may():
    story = Story().gateway(1).pods("a", "b", "c").pod("a", draining=True)
    assert not complaints(oracles.drains_keep_to_their_limit, story.history)
    one_after_the_other = Story().gateway(1).pods("a", "b").pod("a", draining=True).pod("a", draining=True, terminating=True).pod("b", draining=True)
    assert not complaints(oracles.drains_keep_to_their_limit, one_after_the_other.history)
    assert complaints(oracles.drains_keep_to_their_limit, story.pod("b", draining=True).history)
    two = Story().gateway(1, scaleDown={"maxConcurrentDrains": 2}).pods("a", "b").pod("a", draining=True).pod("b", draining=True)
    assert not complaints(oracles.drains_keep_to_their_limit, two.history)


def test_releases_beyond_the_budget():
    story = Story().gateway(1, reconnectBudget={"perSecondMax": 10, "perSecondPerReceiver": 10}).pods("a", "b").pod("a", draining=True)
    paced = types.SimpleNamespace(released=[number * 0.1 for number in range(50)])
    assert not complaints(oracles.closes_keep_to_the_budget, story.history, accounts=[paced])
    assert complaints(oracles.closes_keep_to_the_budget, story.history, accounts=[paced, paced])
    short = types.SimpleNamespace(released=[*paced.released, *[20 + number * 0.01 for number in range(10)]])
    assert complaints(oracles.closes_keep_to_the_budget, story.history, accounts=[short])


def test_the_worst_window():
    assert pacing.window_excess([0, 1, 2], 1, 1) <= 0
    assert pacing.window_excess([0, 0, 0], 1, 1) == pytest.approx(2)
    # Slow, and then in half a second what is due in two.
    assert pacing.window_excess([0, 5, 10, 10.25, 10.5], 1, 1) == pytest.approx(1.5)


def test_too_few_available():
    down = Story().gateway(2).pods("a", "b", "c").pod("a", draining=True)
    assert not complaints(oracles.enough_stay_available, down.history)
    assert complaints(oracles.enough_stay_available, down.pod("b", draining=True).history)
    crashed = Story().gateway(2).pods("a", "b", "c").pod("a", ready=False).pod("b", draining=True)
    assert complaints(oracles.enough_stay_available, crashed.history)
    by_hand = Story().gateway(2).pods("a", "b").pod("a", terminating=True)
    assert not complaints(oracles.enough_stay_available, by_hand.history, killed_pods=frozenset(["uid-a"]))
    assert complaints(oracles.enough_stay_available, by_hand.history)
    # What has happened just now the operator cannot know yet.
    race = Story().gateway(2, at=0).pods("a", "b", "c").pod("a", ready=False, at=50.0).pod("b", draining=True, at=50.2)
    assert not complaints(oracles.enough_stay_available, race.history)


def test_twins():
    story = Story().gateway(2).pods("a", "b")
    assert not complaints(oracles.no_twins, story.history)
    assert not complaints(oracles.no_twins, story.pod("c", "ADDED").history)  # A rollout's surge.
    assert complaints(oracles.no_twins, story.pod("d", "ADDED").history)


def test_a_stranger_goes():
    story = Story().pods("a", "stranger")
    assert not complaints(oracles.strangers_stay, story.history, strangers=frozenset(["stranger"]))
    assert complaints(oracles.strangers_stay, story.pod("stranger", terminating=True).history, strangers=frozenset(["stranger"]))
