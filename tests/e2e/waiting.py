"""Waiting for something real to be true: the one place that polls."""

import time

POLL_S = 0.2


class TimedOut(AssertionError):
    """What was waited for did not come. An AssertionError, so that a test fails with it and does not break."""


def eventually(check, what, within_s=60.0):
    """Calls `check` until it returns something true, and returns that. An AssertionError in it means "not yet", and is shown at the end."""
    end = time.monotonic() + within_s
    while True:
        reason = ""
        try:
            answer = check()
            if answer:
                return answer
        except AssertionError as error:
            reason = f": {error}"
        if time.monotonic() > end:
            raise TimedOut(f"waited {within_s:.0f} s for {what}{reason}")
        time.sleep(POLL_S)
