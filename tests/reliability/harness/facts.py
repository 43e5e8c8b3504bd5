"""What the oracles judge by: the evidence of a run, and what its objects say at each version."""

import dataclasses
import datetime
import json
import math
import re

GATEWAY = "sluice.dev/gateway"
DRAIN = "sluice.dev/drain"
RATE = "sluice.dev/drain-rate"
HEALTH = "sluice.dev/health"
STATE = "sluice.dev/state"
TRAFFIC = "sluice.dev/traffic"
REVISION = "sluice.dev/revision"

UNIT_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}

# How long the operator may take to learn what the record already shows, beside what a fault delays.
KNOWS_WITHIN_S = 1.0
# A wall clock read by two processes, and a call on its way.
CLOCK_SLACK_S = 0.05


@dataclasses.dataclass(frozen=True)
class AtDelete:
    """What was true of a pod at the moment at which the operator's DELETE reached the proxy."""

    uid: str  # Of the pod that has the name; None: there is none.
    owned: bool
    connections: int  # On its gateway, where that runs; else 0.
    deadline: float  # time.time() at which its drain ends at the latest; None: it does not drain.
    now: float


@dataclasses.dataclass(frozen=True)
class Eviction:
    """A call of the eviction API by somebody who empties a node."""

    pod: str
    connections: int  # On its gateway, right before the call.
    draining: bool  # By the record, right before the call.
    healthy: int  # Pods that were ready and did not drain: the most of before and after the call.
    status: int


@dataclasses.dataclass
class Evidence:
    """`history` is in the order of resource versions. `delay_s`: how much later than the record the operator may know."""

    history: list
    writes: list
    accounts: list
    delay_s: float = 0.0
    killed_pods: frozenset = frozenset()  # UIDs that the scenario itself has ended.
    strangers: frozenset = frozenset()  # Names of pods that are not the operator's.
    evictions: tuple = ()
    wall: float = 0.0  # time.time() less time.monotonic().


def deadline_of(annotations):
    """time.time() of a drain record's deadline; None where there is none that can be read."""
    return time_in(record_in(annotations, DRAIN), "deadline")


def record_in(annotations, name):
    """The object that stands in an annotation as JSON; an empty one where none can be read."""
    try:
        found = json.loads(annotations[name])
    except (KeyError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def time_in(record, field):
    """time.time() of a field; None where there is none that can be read."""
    try:
        return datetime.datetime.fromisoformat(record[field]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None


def seconds_of(text):
    """Of a duration as the resource has it, such as 1m30s."""
    return sum(float(number) * UNIT_S[unit] for number, unit in re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text))


def ready(seen):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in seen.object["status"].get("conditions", []))


def draining(seen):
    return DRAIN in seen.annotations


def out(seen):
    """Of the fleet, or on its way back: its phase; empty where it is in. A drain goes before."""
    return record_in(seen.annotations, HEALTH).get("phase", "") if live(seen) else ""


def live(seen):
    return not seen.gone and not seen.terminating and not draining(seen)


@dataclasses.dataclass
class Step:
    """One version of an object, and what was around it. `pods`: by UID as they are with it, until the next step is taken."""

    seen: object
    gateway: dict
    deleting: bool
    draining_before: set
    available_before: set
    available_after: set
    pods: dict

    @property
    def spec(self):
        return (self.gateway or {}).get("spec", {})

    @property
    def replicas(self):
        return self.spec.get("replicas", 1)

    @property
    def _rollout(self):
        return self.spec.get("rollout") or {}

    @property
    def rollout_unavailable(self):
        return amount(self._rollout.get("maxUnavailable", 0), self.replicas, math.floor)

    @property
    def surge(self):
        # Before the schema had a surge a rollout made one pod more.
        return amount(self._rollout.get("maxSurge", 1), self.replicas, math.ceil)

def steps(evidence):
    gateway, deleting, drains, available, pods = None, False, set(), set(), {}
    for seen in evidence.history:
        if seen.resource == "realtimegateways":
            gateway, deleting = seen.object, seen.terminating or seen.gone
        before, drained = set(available), set(drains)
        if seen.resource == "pods" and seen.name not in evidence.strangers:
            (available.add if live(seen) and ready(seen) else available.discard)(seen.uid)
            (drains.add if draining(seen) and not seen.gone and not seen.terminating else drains.discard)(seen.uid)
            pods[seen.uid] = seen
            if seen.gone:
                del pods[seen.uid]
        yield Step(seen, gateway, deleting, drained, before, set(available), pods)


def held(values, since):
    """What held at any time since then."""
    return [value for at, value in values if at < since][-1:] + [value for at, value in values if at >= since]


def amount(value, of, rounded):
    if isinstance(value, str):
        return rounded(of * int(value.rstrip("%")) / 100)
    return value
