"""A part of each campaign, in every `make test`: the scenarios without a fault, but for a few that take long, and of the faults a choice that is the
same each time. The whole is `make test-reliability`."""

import asyncio
import contextlib

import pytest
from harness import acto, campaigns, report, scenarios, world

SEED = 1
# Longer than the operator's longest timer at rest, the 5 s between two writes of counts and between two looks at a gateway. The whole campaign
# waits for 60 s, so that what comes once a minute is seen too.
QUIET_S = 6.0
RUNS = {"crash": 15, "stale": 18, "errors": 12, "lease": 3}
CHAINS = 3


@pytest.fixture(scope="module")
def loop():
    with contextlib.closing(asyncio.new_event_loop()) as made:
        yield made


@pytest.fixture(scope="module")
def made(loop, control_plane, build):
    """The world of all runs of this file."""
    context = world.world(control_plane, build, world.LOGS / "smoke")
    opened = loop.run_until_complete(context.__aenter__())
    yield opened
    loop.run_until_complete(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def references(loop, made):
    """Results by scenario, without a fault."""
    return loop.run_until_complete(campaigns.references(made, [*scenarios.smoke(), "fresh"], QUIET_S, SEED, report.Tally().add))


@pytest.mark.parametrize("name", [*scenarios.smoke(), "fresh"])
def test_without_a_fault(references, name):
    result = references[name]
    assert result.passed, f"{result.violations} (again: {result.command}, its story: {result.note})"


@pytest.mark.parametrize("campaign", RUNS)
def test_a_part_of_campaign(loop, made, references, campaign):
    plans = campaigns.smoke(campaigns.everything(references, [campaign]), RUNS[campaign], SEED)
    tally = report.Tally()
    loop.run_until_complete(campaigns.side_by_side(made, plans, references, QUIET_S, SEED, tally.add))
    print(tally.table(0))
    assert not tally.failed, "\n".join(tally.failures())
    reached = [result for _, result in tally.results if result.reached]
    # A write that a run without a fault made need not come in each, where it depends on what came together: a status, a recorded rate.
    assert len(tally.results) == RUNS[campaign] and len(reached) > 0.6 * RUNS[campaign]


def test_runs_that_have_found_a_bug(loop, made, references):
    tally = report.Tally()
    loop.run_until_complete(campaigns.side_by_side(made, campaigns.REGRESSIONS, references, QUIET_S, SEED, tally.add))
    assert not tally.failed, "\n".join(tally.failures())
    assert all(result.reached for _, result in tally.results)


def test_every_field_is_offered(loop, made):
    tally = report.Tally()
    loop.run_until_complete(campaigns.offers(made, acto.all_mutations(), tally.add))
    assert not tally.failed, "\n".join(tally.failures())
    assert tally.passed > 100


def test_chains_of_changes_are_taken_back_and_errors_are_left(loop, made, references):
    plans = campaigns.smoke(campaigns.living(), CHAINS, SEED) + [campaigns.Plan("acto", name, "none") for name in acto.RECOVERIES]
    tally = report.Tally()
    loop.run_until_complete(campaigns.side_by_side(made, plans, references, QUIET_S, SEED, tally.add))
    assert not tally.failed, "\n".join(tally.failures())
