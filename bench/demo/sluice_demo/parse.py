"""Texts of others: Kubernetes quantities and durations, Prometheus' exposition format."""

import re

SUFFIXES = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
QUANTITY = re.compile(r"(-?[0-9.]+)(m|k|M|G|Ki|Mi|Gi)?$")
DURATION_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DURATION_PART = re.compile(r"([0-9.]+)(h|ms|us|ns|m|s)")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$")


def quantity(text):
    """A Kubernetes quantity ("1486500m", "1500", "2k") as a number. ValueError for anything else."""
    match = QUANTITY.match(str(text))
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    return float(match[1]) * SUFFIXES[match[2] or ""]


def duration_s(text):
    """A Go duration ("1m30s", "250ms", "0") in seconds. ValueError for anything else."""
    if text == "0":
        return 0.0
    parts = DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r}")
    return sum(float(number) * DURATION_UNITS[unit] for number, unit in parts)


def metric_sums(text, names):
    """The sum over all series of each metric in `names`; a metric without a series is absent from the answer."""
    sums = {}
    for line in text.splitlines():
        match = SAMPLE.match(line)
        if match and match[1] in names:
            sums[match[1]] = sums.get(match[1], 0.0) + float(match[3])
    return sums
