"""Values become lines `figure NAME = VALUE UNIT`, which a program reads: the names are fixed. Pure."""

import dataclasses
import statistics

AT_MOST, AT_LEAST = "<=", ">="


@dataclasses.dataclass(frozen=True)
class Bound:
    """What a figure has to keep to: none, one or two (relation, limit)."""

    unit: str
    limits: tuple
    decimals: int = 2


FIGURES = {
    "operator.scale1000.wall_ratio": Bound("ratio", ((AT_MOST, 1.0),)),
    "operator.scale1000.api_calls_ratio": Bound("ratio", ((AT_MOST, 1.0),), 3),
    "operator.rss5000.mb": Bound("MB", ((AT_MOST, 48),), 1),
    "operator.rss5000.ratio_vs_controller_runtime": Bound("ratio", ((AT_MOST, 0.25),)),
    "operator.event_latency.p99_ms": Bound("ms", ((AT_MOST, 5),)),
    "operator.event_latency.ratio_vs_controller_runtime": Bound("ratio", ((AT_MOST, 1.0),)),
    # Beside the two: of events after which the operator has to look at all pods of the gateway.
    "operator.event_latency.looked_p99_ms": Bound("ms", ()),
    "operator.event_latency.looked_ratio_vs_controller_runtime": Bound("ratio", ((AT_MOST, 1.0),)),
    "operator.idle5000.cpu_percent": Bound("%", ((AT_MOST, 0.5),)),
    "operator.idle5000.writes_60s": Bound("writes", ((AT_MOST, 0),), 0),
    "operator.drain.rate_ratio": Bound("ratio", ((AT_LEAST, 0.95), (AT_MOST, 1.0)), 3),
    "operator.drain.max_window_ratio": Bound("ratio", ((AT_MOST, 1.0),), 3),
    "operator.failover.killed_s": Bound("s", ((AT_MOST, 17),)),
    "operator.failover.clean_s": Bound("s", ((AT_MOST, 2),)),
    "operator.failover.double_actions": Bound("actions", ((AT_MOST, 0),), 0),
}


def line(name, value):
    bound = FIGURES[name]
    return f"figure {name} = {value:.{bound.decimals}f} {bound.unit}"


def verdict(name, value):
    """"" where the value keeps to its bound, else the bound that it breaks. What is printed decides, not what is rounded away."""
    bound = FIGURES[name]
    shown = round(value, bound.decimals)
    broken = [f"{relation} {limit}" for relation, limit in bound.limits if not (shown <= limit if relation == AT_MOST else shown >= limit)]
    return " and ".join(broken)


def median(values):
    values = list(values)
    if not values:
        raise ValueError("no round was measured")
    return statistics.median(values)


def median_ratio(pairs):
    """The median over rounds of ours / theirs: both of one round had the same machine. Pairs are (ours, theirs)."""
    return median(ours / theirs for ours, theirs in pairs)


def alternating(rounds, sides):
    """The order of each round: who comes first takes turns, so that neither side always has the warm or the quiet machine."""
    return [tuple(sides) if number % 2 == 0 else tuple(reversed(sides)) for number in range(rounds)]
