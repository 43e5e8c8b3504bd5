"""How fast a drain lets connections go: gateway/drain/pacing.h in Python, for scripted gateways. Times are seconds."""

import math

BURST_S = 0.1


def burst(rate):
    """Tokens that may be given out beyond rate x window."""
    return 1 + rate * BURST_S


class Pace:
    """Tokens and spread of one drain. Unlike the gateway's it lets the spread shrink at once, also where departures of two rates then overlap."""

    def __init__(self, initial, rate, jitter, now):
        self._left, self._rate, self._jitter, self._began, self._at = initial, rate, jitter, now, now
        self._tokens = 1.0 if rate > 0 else 0.0
        self.spread = self._wanted_spread(now)

    def change(self, rate, jitter, now):
        if (rate, jitter) == (self._rate, self._jitter):
            return
        self._accrue(now)
        self._tokens = min(self._tokens, burst(rate)) if rate > 0 else 0.0
        self._rate, self._jitter = rate, jitter
        self.spread = self._wanted_spread(now)

    def take(self, wanted, now):
        self._accrue(now)
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        self._left -= min(self._left, taken)
        return taken

    def next_token(self, now):
        """Seconds until there is one; None where none comes."""
        self._accrue(now)
        if self._tokens >= 1:
            return 0.0
        return (1 - self._tokens) / self._rate if self._rate > 0 else None

    def _accrue(self, now):
        self._tokens = min(self._tokens + self._rate * (now - self._at), burst(self._rate))
        self._at = now

    def _wanted_spread(self, now):
        if self._rate <= 0:
            return self._jitter
        release = now - self._began + self._left / self._rate
        return max(self._jitter - release, min(self._jitter, release / 20))


def termination(connections, grace):
    """(rate, deadline) of the drain that a gateway begins by itself when its pod is deleted."""
    window = 0.8 * grace
    return 1.05 * max(1, connections) / (0.9 * window), window


def eta(remaining, waiting, rate, spread, last_taken, deadline, now):
    """Seconds until the last connection is gone, as drain_eta_seconds() of the gateway has it."""
    if remaining == 0:
        return 0.0
    until_deadline = max(0.0, deadline - now)
    if waiting == 0:
        return min(max(last_taken - now + spread, 0.0), until_deadline)
    return min(until_deadline, waiting / rate + spread) if rate > 0 else until_deadline


def window_excess(times, rate, allowance):
    """By how many the releases at `times` exceed rate x w + allowance in the worst window of any width w; not positive where they keep to it.

    A bucket that leaks `rate` a second and takes one a release is fullest at the end of the worst window."""
    worst, level, last = -math.inf, 0.0, None
    for at in sorted(times):
        level = max(0.0, level - rate * (at - last)) + 1 if last is not None else 1.0
        last = at
        worst = max(worst, level - allowance)
    return worst
