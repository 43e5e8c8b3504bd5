"""Which runs a campaign consists of, made from the record of a run without a fault; and running them side by side."""

import asyncio
import dataclasses
import hashlib
import os

from . import acto, faults, scenarios, summary
from . import scenarios_fleet as _  # noqa: F401  (its scenarios are in scenarios.ALL)
from .run import Run

# A run that acts costs a third of a core; one that only waits for its quiet time next to nothing, but memory.
ACTING_MAX = 3 * (os.cpu_count() or 2)
RUNS_MAX = 128

CRASH = ("kill-before", "kill-after", "lose-answer")
ERRORS = ("conflict", "too-many", "fail", "fail-committed", "lose-call")
DELAYS_MS = (300, 1500)


@dataclasses.dataclass(frozen=True)
class Plan:
    """One run that is to be done."""

    campaign: str
    scenario: str
    fault: str


# Runs that have found a bug, each gone through in every `make test`; docs/RELIABILITY.md tells of them.
REGRESSIONS = (
    Plan("stale", "scale-down", "time-travel:mark:DELETE pods p1 1"),
    Plan("stale", "scale-down", "time-travel:mark:POST events DrainCompleted 1"),
    Plan("crash", "canary-passes", "kill-after:POST pods p1 2"),
)


def crash(reference):
    return [f"{kind}:{key}" for key in _keys(reference) for kind in CRASH]


def errors(reference):
    return [f"{kind}:{key}" for key in _keys(reference) for kind in ERRORS]


def lease(reference):
    # Events are not the leader's alone to decide: whatever is stolen at one of them is stolen at the write beside it.
    return [f"steal-lease:{key}" for key in _keys(reference) if " events" not in key]


def stale(reference):
    """Each watch delayed, cut, doubled, expired, and each of its events hidden; then time travel at each write to what watches bring."""
    found = []
    for resource in faults.WATCHED:
        if resource not in faults.CACHED and not reference.events[resource]:
            continue
        found += [f"delay:{resource}:{ms}" for ms in DELAYS_MS] + [f"duplicate:{resource}"]
        for number in range(1, reference.events[resource] + 1):
            found += [f"{kind}:{resource}:{number}" for kind in ("cut", "cut-after", "gone", "hide")]
    for key in _keys(reference):
        if " pods" in key or " realtimegateways" in key:
            found += [f"time-travel:{since}:{key}" for since in ("write", "mark")]
    return found


CAMPAIGNS = {"crash": crash, "stale": stale, "errors": errors, "lease": lease}


def _keys(reference):
    """In order, each once; the Lease's own writes are no part of the scenario."""
    return list(dict.fromkeys(key for key in reference.writes if " leases" not in key))


def find(name):
    """The scenario of a name."""
    return acto.chain_scenario(name) if name.startswith("chain-") else scenarios.ALL[name]


def reference_of(name):
    """The run that a scenario's end is compared with: one without a fault, or, where it comes back to its beginning, one that never left it."""
    return "fresh" if name.startswith("chain-") or name in acto.RECOVERIES else name


def everything(known, names):
    """The plans of the campaigns `names` over the scenarios whose references are `known`."""
    return [
        Plan(campaign, name, fault)
        for campaign in names
        for name, reference in known.items()
        if reference.passed and not scenarios.ALL[name].only
        for fault in CAMPAIGNS[campaign](reference)
    ]


def living():
    """Acto's runs on living gateways."""
    return [Plan("acto", name, "none") for name in (*acto.chains(), *acto.RECOVERIES)]


async def offers(world, mutations, heard):
    """Acto's values, each offered to the API server."""
    await world.kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": "offers"}})
    room = asyncio.Semaphore(ACTING_MAX)

    async def one(mutation):
        async with room:
            result = await acto.offer(world, "offers", mutation)
        heard(Plan("offers", str(mutation), "none"), result)
        return result

    return await asyncio.gather(*(one(mutation) for mutation in mutations))


def smoke(plans, count, seed):
    """`count` of the plans, spread over the kinds of faults, the same ones for the same seed: one write more or less in a reference run (of a status, say)
    changes the choice by no more than itself."""
    by_kind = {}
    for plan in sorted(plans, key=lambda plan: hashlib.sha256(f"{seed}/{plan}".encode()).digest()):
        by_kind.setdefault((plan.campaign, plan.fault.split(":")[0]), []).append(plan)
    chosen = []
    while len(chosen) < count and any(by_kind.values()):
        for kind in by_kind.values():
            if kind and len(chosen) < count:
                chosen.append(kind.pop())
    return chosen


async def references(world, names, quiet_s, seed, heard):
    """The run without a fault of each scenario, by name."""
    plans = [Plan("reference", name, "none") for name in names]
    return dict(zip(names, await side_by_side(world, plans, {}, quiet_s, seed, heard)))


async def side_by_side(world, plans, known, quiet_s, seed, heard):
    """Results in the order of the plans. `heard(plan, result)` as soon as each is there."""
    room, places = asyncio.Semaphore(ACTING_MAX), asyncio.Semaphore(RUNS_MAX)

    async def one(plan):
        async with places:
            result = await Run(world, find(plan.scenario), plan.fault, quiet_s, seed, room).execute()
        compare(plan, result, known.get(reference_of(plan.scenario)))
        heard(plan, result)
        return result

    return await asyncio.gather(*(one(plan) for plan in plans))


def compare(plan, result, reference):
    """The end state and the counts of what was made and removed are those of the run without a fault."""
    if reference is None or not result.end or not result.passed:
        return
    result.violations += [f"end state: {sentence}" for sentence in summary.difference(reference.end, result.end)]
    if not find(plan.scenario).counts_vary and reference_of(plan.scenario) == plan.scenario:
        result.violations += [f"made and removed: {sentence}" for sentence in summary.difference(reference.lifecycle, result.lifecycle)]
