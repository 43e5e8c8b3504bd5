"""How close departures come to their budget."""

import random

import pytest
from operator_bench import windows


def slowly(closes, rate, burst):
    """The definition itself."""
    times = sorted(closes)
    return max((j - i + 1) / (rate * (times[j] - times[i]) + burst) for i in range(len(times)) for j in range(i, len(times)))


@pytest.mark.parametrize(
    ("name", "closes", "rate", "burst", "ratio"),
    [
        ("nobody leaves", [], 10, 2, 0.0),
        ("one alone is within its burst", [5.0], 10, 2, 0.5),
        ("all of a burst at once", [5.0] * 4, 10, 4, 1.0),
        ("twice a burst at once", [5.0] * 8, 10, 4, 2.0),
        ("a burst, then another too soon", [0.0] * 4 + [0.1] * 4, 10, 4, 1.6),
        ("a burst, then the rate", [0.0] * 4 + [0.1 * n for n in range(1, 20)], 10, 4, 1.0),
    ],
)
def test_max_window_ratio(name, closes, rate, burst, ratio):
    assert windows.max_window_ratio(closes, rate, burst) == pytest.approx(ratio)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_the_definition_says(seed):
    draw = random.Random(seed)
    closes = [draw.uniform(0, 10) for _ in range(draw.randint(1, 80))]
    rate, burst = draw.uniform(0.5, 20), draw.uniform(0.5, 20)
    assert windows.max_window_ratio(closes, rate, burst) == pytest.approx(slowly(closes, rate, burst))


def test_rate_ratio_is_from_the_first_hint_to_the_last_close():
    assert windows.rate_ratio(first_hint=10.0, closes=[10.5, 11.0, 12.0, 14.0], rate=2) == pytest.approx(0.5)


def test_a_budgets_burst_grows_with_the_pods_that_share_it():
    assert windows.burst_of(2000, 10) == 210
