"""The invariants of what a fleet goes through beside scaling: freezes, pods that are out and come back, canaries, the endpoints, evictions.
Pure, as oracles.py says."""

import math

from . import facts
from .facts import KNOWS_WITHIN_S, amount, draining, held, live, out, ready, record_in, seconds_of, steps, time_in

# By how much later than the operator the record may have seen a moment.
SEEN_LATER_S = 1.0
DEFAULT_HEALING = {"maxKickedPercent": 10, "observe": "2m"}


def nothing_begins_under_a_freeze(evidence):
    """No drain begins while spec.drainFreeze is true."""
    recent = KNOWS_WITHIN_S + evidence.delay_s
    freezes = []
    for step in steps(evidence):
        seen = step.seen
        freezes.append((seen.at, step.spec.get("drainFreeze", False)))
        begins = seen.resource == "pods" and seen.uid in step.pods and draining(seen) and seen.uid not in step.draining_before
        if begins and not seen.terminating and all(held(freezes, seen.at - recent)):
            yield f"version {seen.version}: {seen.name} begins to drain under a freeze"


def clocks_stand_still_under_a_freeze(evidence):
    """A drain's begin and deadline move on by as long as it was frozen: from what its record says to the end of the freeze, or when that was seen."""
    frozen, lifted_at = {}, 0.0  # By UID: the record with the freeze.
    for step in steps(evidence):
        seen = step.seen
        if seen.resource == "realtimegateways" and step.spec.get("drainFreeze", False):
            lifted_at = math.inf
        elif lifted_at == math.inf and seen.resource == "realtimegateways":
            lifted_at = seen.at
        if seen.resource != "pods" or seen.gone:
            continue
        record, before = record_in(seen.annotations, facts.DRAIN), frozen.pop(seen.uid, None)
        if "frozenAt" in record:
            frozen[seen.uid] = record
        elif before is not None and record:
            for field in ("startedAt", "deadline"):
                moved = time_in(record, field) - time_in(before, field)
                ends = time_in(before, "frozenAt") + moved - evidence.wall
                if not lifted_at - SEEN_LATER_S <= ends <= seen.at + facts.CLOCK_SLACK_S:
                    yield f"version {seen.version}: {field} of {seen.name} has moved by {moved:.2f} s, as if its freeze had ended {seen.at - ends:.2f} s ago"


def kicks_keep_to_their_limit(evidence):
    """Never more pods out, or on their way back, than spec.healing.maxKickedPercent of those there are; one at least of two."""
    recent = KNOWS_WITHIN_S + evidence.delay_s
    limits = []
    for step, before in _of_pods(evidence):
        seen = step.seen
        limits.append((seen.at, _kicked_max(step)))
        count = sum(bool(out(pod)) for pod in step.pods.values())
        if out(seen) and not (before and out(before)) and count > (most := max(held(limits, seen.at - recent))):
            yield f"version {seen.version}: {seen.name} is put out, {count} are, and {most} may be"


def nobody_is_put_out_who_is_well(evidence):
    """The kubelet agrees: it has said lately that the pod is not ready. A relapse needs less."""
    recent = KNOWS_WITHIN_S + evidence.delay_s
    words = {}
    for step, before in _of_pods(evidence):
        seen = step.seen
        said = words.setdefault(seen.uid, [])
        said.append((seen.at, ready(seen)))
        if out(seen) and not (before and out(before)) and all(held(said, seen.at - recent)):
            yield f"version {seen.version}: {seen.name} is put out though it is ready"


def who_is_out_gets_no_traffic(evidence):
    """It is in no endpoints, and its label says so."""
    for step, _ in _of_pods(evidence):
        seen = step.seen
        if out(seen) in ("Offline", "PendingRejoin") and (seen.labels.get(facts.STATE), seen.labels.get(facts.TRAFFIC)) != ("offline", "off"):
            yield f"version {seen.version}: {seen.name} is {out(seen)} with the labels {seen.labels}"


def the_way_back_leaves_out_no_step(evidence):
    """Offline, PendingRejoin for spec.healing.observe, GrayTraffic with a share that doubles at most, active after all of it."""
    for step, before in _of_pods(evidence):
        seen = step.seen
        was, now = out(before) if before else "", out(seen)
        if was == now != "GrayTraffic" or not live(seen):
            continue
        wrong = _wrong_turn(was, now, before, seen)
        if (was, now) == ("PendingRejoin", "GrayTraffic"):
            observe = seconds_of({**DEFAULT_HEALING, **step.spec.get("healing", {})}["observe"])
            lasted = time_in(record_in(seen.annotations, facts.HEALTH), "phaseSince") - time_in(record_in(before.annotations, facts.HEALTH), "phaseSince")
            wrong = f"after {lasted:.2f} s, and {observe:g} s are asked for" if lasted < observe else ""
        if wrong:
            yield f"version {seen.version}: {seen.name} goes from {was or 'active'} to {now or 'active'} {wrong}"


def _wrong_turn(was, now, before, seen):
    """What is wrong with it; empty where nothing is."""
    if now not in {"": ("", "Offline"), "Offline": ("PendingRejoin",), "PendingRejoin": ("GrayTraffic", "Offline")}.get(was, ("GrayTraffic", "Offline", "")):
        return "at once"
    if was != "GrayTraffic" or now == "Offline":
        return ""
    share = record_in(before.annotations, facts.HEALTH)["percent"]
    if now == "" and share < 100:
        return f"with a share of {share}%"
    grown = record_in(seen.annotations, facts.HEALTH).get("percent", 0)
    return f"with a share of {grown}% after {share}%" if grown > min(100, 2 * share) else ""


def half_stay_in_the_endpoints(evidence):
    """Of the pods that serve no more than half are kept from new connections for a rebalance. A canary that is short of samples (Shift) has a rule of its own."""
    recent = KNOWS_WITHIN_S + evidence.delay_s
    serving = []
    for step, before in _of_pods(evidence):
        seen = step.seen
        pods = [pod for pod in step.pods.values() if live(pod) and ready(pod) and not out(pod)]
        serving.append((seen.at, len(pods)))
        leaves = seen in pods and seen.labels.get(facts.TRAFFIC) == "off" and before is not None and before.labels.get(facts.TRAFFIC) == "on"
        if not leaves or step.spec.get("rollout", {}).get("canary", {}).get("onInsufficientSamples") == "Shift":
            continue
        off = sum(pod.labels.get(facts.TRAFFIC) == "off" for pod in pods)
        if 2 * off > (most := max(held(serving, seen.at - recent))):
            yield f"version {seen.version}: {seen.name} leaves the endpoints, {off} of {most} pods that serve have"


def canaries_keep_to_their_step(evidence):
    """No more pods of a newer revision are made than its step's part of the fleet until they have all been available for its hold; none once a gate has failed."""
    walks, halted = {}, {}  # By revision: how far it may be; since when it is halted, and with how many pods.
    for step in steps(evidence):
        seen, status = step.seen, (step.gateway or {}).get("status", {})
        percents, stable = step.spec.get("rollout", {}).get("canary", {}).get("steps", []), status.get("currentRevision")
        rollout = status.get("rollout", {})
        if rollout.get("phase") == "Halted":
            halted.setdefault(rollout["revision"], (seen.at, len(_of_revision(step, rollout["revision"]))))
        else:
            halted.clear()
        if seen.resource != "pods" or not percents or not stable:
            continue
        revision = seen.labels.get(facts.REVISION)
        if revision == stable or seen.uid not in step.pods:
            continue
        pods = _of_revision(step, revision)
        walk = walks.setdefault(revision, _Walk(percents))
        if seen.kind == "ADDED":
            since, count = halted.get(revision, (math.inf, len(pods)))
            if len(pods) > count and seen.at > since + KNOWS_WITHIN_S + evidence.delay_s:
                yield f"version {seen.version}: {seen.name} is made of revision {revision}, whose canary has been halted for {seen.at - since:.2f} s"
            elif wrong := walk.objection(len(pods), step.replicas, seen.at):
                yield f"version {seen.version}: {seen.name} makes {len(pods)} of revision {revision}: {wrong}"
        walk.see(sum(ready(pod) for pod in pods), step.replicas, seen.at)


def _of_revision(step, revision):
    return [pod for pod in step.pods.values() if live(pod) and pod.labels.get(facts.REVISION) == revision]


class _Walk:
    """A revision's way through the steps, as far as time allows it."""

    def __init__(self, percents):
        self._steps = percents
        self._step = 0
        self._since = None  # That the step's pods have all been available.

    def see(self, available, replicas, at):
        if self._since is None and self._step < len(self._steps) and available >= self._part(replicas):
            self._since = at

    def objection(self, count, replicas, at):
        """Why there may not be so many; empty where they may."""
        while self._step < len(self._steps) and count > self._part(replicas):
            if self._since is None:
                return f"step {self._step + 1} allows {self._part(replicas)}, which have not been available yet"
            hold = seconds_of(self._steps[self._step].get("hold", "10m"))
            if at - self._since < hold - SEEN_LATER_S:
                return f"step {self._step + 1} allows {self._part(replicas)} for {hold:g} s, and {at - self._since:.2f} s are over"
            self._step, self._since = self._step + 1, at
        return ""

    def _part(self, replicas):
        return math.ceil(replicas * self._steps[self._step]["percent"] / 100)


def evictions_wait_for_the_drain(evidence):
    """Nobody may evict a pod that drains and has connections; nor one that serves, where no more do than spec.disruption asks for. A pod that stands in
    for it already is one more: Kubernetes grants it then."""
    wanted = [step.replicas - amount(step.spec.get("disruption", {}).get("maxUnavailable", 1), step.replicas, math.ceil) for step in steps(evidence) if step.gateway]
    for one in evidence.evictions:
        if one.status < 300 and one.connections > 0 and (one.draining or one.healthy <= min(wanted, default=0)):
            yield f"the eviction of {one.pod} was granted: it had {one.connections} connections{' and drained' if one.draining else ''}, {one.healthy} pods served"


ALL = (
    nothing_begins_under_a_freeze,
    clocks_stand_still_under_a_freeze,
    kicks_keep_to_their_limit,
    nobody_is_put_out_who_is_well,
    who_is_out_gets_no_traffic,
    the_way_back_leaves_out_no_step,
    half_stay_in_the_endpoints,
    canaries_keep_to_their_step,
    evictions_wait_for_the_drain,
)


def _of_pods(evidence):
    """(step, the version of the same pod before it or None) for each version of a pod that is there."""
    last = {}
    for step in steps(evidence):
        seen = step.seen
        if seen.resource == "pods" and seen.uid in step.pods:
            yield step, last.get(seen.uid)
            last[seen.uid] = seen


def _kicked_max(step):
    percent = {**DEFAULT_HEALING, **step.spec.get("healing", {})}["maxKickedPercent"]
    there = sum(live(pod) for pod in step.pods.values())
    return 0 if percent == 0 or there < 2 else max(1, there * percent // 100)
