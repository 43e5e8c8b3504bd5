"""Prometheus' text format, as far as these figures need it. Pure."""

import re

SERIES = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """(name, labels, value) of each line that is one."""
    for line in text.splitlines():
        match = SERIES.match(line)
        if match:
            yield match[1], dict(LABEL.findall(match[2] or "")), float(match[3])


def total(text, name, **labels):
    """The sum of the series of that name with these labels, whatever others they have."""
    return sum(value for found, having, value in samples(text) if found == name and labels.items() <= having.items())


def buckets(text, name):
    """{upper bound in the metric's unit: observations up to it}, all series of the histogram together."""
    counts = {}
    for found, labels, value in samples(text):
        if found == f"{name}_bucket":
            bound = float(labels["le"])
            counts[bound] = counts.get(bound, 0) + value
    return counts


def between(before, after):
    """What was observed from one reading of a histogram to the next."""
    return {bound: count - before.get(bound, 0) for bound, count in after.items()}


def quantile(counts, share):
    """As PromQL's histogram_quantile: within a bucket observations are spread evenly. None without observations; the last finite bound where it lies beyond."""
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] == 0:
        return None
    rank = share * counts[bounds[-1]]
    lower, below = 0.0, 0
    for bound in bounds:
        if counts[bound] >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / (counts[bound] - below)
        lower, below = bound, counts[bound]
    return lower
