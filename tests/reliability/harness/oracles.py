"""The invariants of a run, judged from the independent record, from what the gateways did, and from the operator's writes as the proxy kept them.
Pure: each takes the evidence and answers violations, sentences. test_oracles.py shows each one failing. Here those of pods that are made, drained and
deleted; oracles_fleet.py has those of freezes, health, canaries, endpoints and evictions."""

from . import oracles_fleet, pacing
from .facts import CLOCK_SLACK_S, KNOWS_WITHIN_S, RATE, draining, held, live, ready, steps


def no_pod_goes_with_connections(evidence):
    """No DELETE of a pod with connections before its deadline."""
    for write in _pod_deletes(evidence):
        seen = write.note
        if seen.connections == 0 or seen.uid != _uid_asked_for(write):
            continue
        if seen.deadline is None:
            yield f"{write}: its pod had {seen.connections} connections and no drain"
        elif seen.now < seen.deadline - CLOCK_SLACK_S:
            yield f"{write}: its pod had {seen.connections} connections, {seen.deadline - seen.now:.2f} s before its deadline"


def no_delete_of_a_wrong_pod(evidence):
    """Every DELETE names the UID it means, of a pod that the gateway owns; nothing else is ever deleted."""
    for write in evidence.writes:
        if write.method != "DELETE":
            continue
        if write.resource != "pods":
            yield f"{write}: the operator deletes pods alone"
        elif not _uid_asked_for(write):
            yield f"{write}: it names no UID"
        elif write.name in evidence.strangers:
            yield f"{write}: the pod is a stranger's"
        elif write.status == 200 and write.note.uid is not None and (write.note.uid != _uid_asked_for(write) or not write.note.owned):
            yield f"{write}: it has removed a pod that is not the one that was meant"


def drains_keep_to_their_limit(evidence):
    """Never more drains at once than maxConcurrentDrains; deleting the gateway drains all of them."""
    for step in steps(evidence):
        seen = step.seen
        if seen.resource != "pods" or not draining(seen) or seen.gone or seen.terminating or seen.uid in step.draining_before:
            continue
        if step.deleting or step.gateway is None:
            continue
        limit = step.gateway["spec"].get("scaleDown", {}).get("maxConcurrentDrains", 1)
        if len(step.draining_before) + 1 > limit:
            yield f"version {seen.version}: {seen.name} drains beside {len(step.draining_before)} more, and {limit} may"


def closes_keep_to_the_budget(evidence):
    """In any window of w seconds at most rate x w + burst connections are released; what a deadline closes is counted apart."""
    times = [at for account in evidence.accounts for at in account.released]
    budgets = list(_budgets(evidence))
    if not times or not budgets:
        return
    rate, drains = max(budgets), max(1, _most_releasers(evidence))
    # Each gateway may save up one token and a tenth of a second's (gateway/drain/pacing.h), and together no more than the rate's.
    excess = pacing.window_excess(times, rate, drains + rate * pacing.BURST_S)
    if excess > 0.5:
        yield f"{len(times)} releases exceed {rate}/s by {excess:.1f} in the worst window, with {drains} gateways that release at once"


def enough_stay_available(evidence):
    """No available pod begins to drain, or is deleted, where fewer than the desired ones stay available."""
    recent = KNOWS_WITHIN_S + evidence.delay_s
    counts, desires = [], []  # (at, value), for what the operator could not know yet.
    for step in steps(evidence):
        seen = step.seen
        if step.gateway is not None:
            desires.append((seen.at, step.gateway["spec"].get("replicas", 1)))
        counts.append((seen.at, len(step.available_after)))
        lost = seen.resource == "pods" and seen.uid in step.available_before and seen.uid not in step.available_after
        if not lost or step.deleting or seen.uid in evidence.killed_pods or not _by_the_operator(seen):
            continue
        wanted = min(held(desires, seen.at - recent)) - step.rollout_unavailable
        had = max(len(step.available_after), max(held(counts[:-1], seen.at - recent), default=0) - 1)
        if had < wanted:
            yield f"version {seen.version}: {seen.name} goes and {had} stay available, where {wanted} are wanted"


def no_twins(evidence):
    """Never more live pods than wanted and the surge of a rollout."""
    recent = KNOWS_WITHIN_S + evidence.delay_s
    desires, alive = [], {}
    for step in steps(evidence):
        seen = step.seen
        if step.gateway is not None:
            desires.append((seen.at, step.gateway["spec"].get("replicas", 1) + step.surge))
        if seen.resource != "pods" or seen.name in evidence.strangers:
            continue
        before = len(alive)
        if live(seen) and seen.object["status"].get("phase") not in ("Failed", "Succeeded"):
            alive[seen.uid] = True
        else:
            alive.pop(seen.uid, None)
        most = max(held(desires, seen.at - recent), default=0)
        if len(alive) > before and seen.kind == "ADDED" and len(alive) > most:
            yield f"version {seen.version}: {len(alive)} live pods, {seen.name} among them, where {most} are wanted"


def strangers_stay(evidence):
    """A pod of another owner is left alone."""
    for seen in evidence.history:
        if seen.resource == "pods" and seen.name in evidence.strangers and (seen.gone or seen.terminating):
            yield f"version {seen.version}: {seen.name} is not the operator's, and goes"
            return


ALL = (
    no_pod_goes_with_connections,
    no_delete_of_a_wrong_pod,
    drains_keep_to_their_limit,
    closes_keep_to_the_budget,
    enough_stay_available,
    no_twins,
    strangers_stay,
    *oracles_fleet.ALL,
)


def judge(evidence):
    return [f"{oracle.__name__}: {complaint}" for oracle in ALL for complaint in oracle(evidence)]


def _by_the_operator(seen):
    """A drain began, or it was deleted: no crash, and no probe that failed."""
    return draining(seen) or seen.terminating or seen.gone


def _budgets(evidence):
    for step in steps(evidence):
        if step.gateway is not None:
            budget = step.gateway["spec"].get("reconnectBudget", {})
            yield min(budget.get("perSecondMax", 20000), budget.get("perSecondPerReceiver", 200) * max(1, len(step.available_before)))


def _most_releasers(evidence):
    """Gateways that drain, or that have a rate for a rebalance, at once."""
    return max((sum(draining(seen) or bool(seen.annotations.get(RATE)) for seen in step.pods.values()) for step in steps(evidence)), default=0)


def _pod_deletes(evidence):
    return (write for write in evidence.writes if write.method == "DELETE" and write.resource == "pods" and write.note is not None)


def _uid_asked_for(write):
    return write.json.get("preconditions", {}).get("uid")
