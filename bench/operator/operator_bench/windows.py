"""Did departures keep to their budget? Pure."""

# The gateway's token bucket saves up 100 ms of its rate and one token (gateway/drain/pacing.h): of all drains together one token a pod.
BURST_SECONDS = 0.1


def burst_of(rate, pods):
    """Connections that may go at once: what the buckets of `pods` drains hold together at `rate` connections/s in all."""
    return rate * BURST_SECONDS + pods


def rate_ratio(first_hint, closes, rate):
    """Connections/s from the first hint to the last close, over the budget. Times in seconds."""
    return len(closes) / (max(closes) - first_hint) / rate


def max_window_ratio(closes, rate, burst):
    """The largest value, over all windows that begin and end with a close, of: closes in it / (rate * its length + burst).

    A window of i..j breaks the factor r where (j - i + 1) > r * (rate * (t_j - t_i) + burst). For one r that takes a single pass, since the terms of i and
    of j stand apart; the largest r that some window breaks is then found by halving.
    """
    times = sorted(closes)
    if not times:
        return 0.0
    low, high = 0.0, len(times) / burst
    for _ in range(50):
        middle = (low + high) / 2
        if _exceeds(times, middle * rate, middle * burst):
            low = middle
        else:
            high = middle
    return high


def _exceeds(times, rate, burst):
    best = -float("inf")  # The largest rate * t_i - i so far: the window's best beginning.
    for index, at in enumerate(times):
        best = max(best, rate * at - index)
        if index + 1 - rate * at + best > burst:
            return True
    return False
