"""Lines that a program reads, and what they are made of."""

import pytest
from operator_bench import figures
from operator_bench.scenarios import SCENARIOS, TOLD_BY

ISSUED = """
operator.scale1000.wall_ratio operator.scale1000.api_calls_ratio operator.rss5000.mb operator.rss5000.ratio_vs_controller_runtime
operator.event_latency.p99_ms operator.event_latency.ratio_vs_controller_runtime operator.idle5000.cpu_percent operator.idle5000.writes_60s
operator.drain.rate_ratio operator.drain.max_window_ratio operator.failover.killed_s operator.failover.clean_s operator.failover.double_actions
""".split()
BESIDE = ["operator.event_latency.looked_p99_ms", "operator.event_latency.looked_ratio_vs_controller_runtime"]


def test_the_names_are_those_that_were_agreed_on():
    assert [name for name in figures.FIGURES if name not in BESIDE] == ISSUED


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("operator.scale1000.wall_ratio", 0.98765, "figure operator.scale1000.wall_ratio = 0.99 ratio"),
        ("operator.rss5000.mb", 47.96, "figure operator.rss5000.mb = 48.0 MB"),
        ("operator.idle5000.writes_60s", 0, "figure operator.idle5000.writes_60s = 0 writes"),
        ("operator.failover.killed_s", 16.4, "figure operator.failover.killed_s = 16.40 s"),
    ],
)
def test_a_figure_is_a_line(name, value, line):
    assert figures.line(name, value) == line


@pytest.mark.parametrize(
    ("name", "value", "broken"),
    [
        ("operator.rss5000.mb", 48.0, ""),
        ("operator.rss5000.mb", 48.04, ""),  # Shown as 48.0, and what is shown decides.
        ("operator.rss5000.mb", 48.1, "<= 48"),
        ("operator.drain.rate_ratio", 0.95, ""),
        ("operator.drain.rate_ratio", 0.9, ">= 0.95"),
        ("operator.drain.rate_ratio", 1.01, "<= 1.0"),
        ("operator.failover.double_actions", 1, "<= 0"),
    ],
)
def test_a_bound_that_is_broken_is_named(name, value, broken):
    assert figures.verdict(name, value) == broken


def test_the_two_of_one_round_are_compared_with_each_other():
    """A machine that was slow in one round was slow for both."""
    assert figures.median_ratio([(10, 20), (30, 60), (8, 8)]) == 0.5


def test_nothing_measured_is_no_figure():
    with pytest.raises(ValueError, match="no round"):
        figures.median([])


def test_who_comes_first_takes_turns():
    assert figures.alternating(3, ("ours", "theirs")) == [("ours", "theirs"), ("theirs", "ours"), ("ours", "theirs")]


def test_every_figure_is_of_one_scenario():
    assert sorted(name for names in TOLD_BY.values() for name in names) == sorted(figures.FIGURES)
    assert list(TOLD_BY) == list(SCENARIOS)
