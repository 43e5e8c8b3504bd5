"""Waiting for something real to be true."""

import time

from . import interrupts
from .errors import ClusterError

POLL_S = 0.05


def wait_until(check, what, deadline_s, alive=None):
    """Polls `check` until it returns something true, and returns that.

    `alive`, called between polls, raises ClusterError when waiting on makes no sense (the process in question has
    ended). Raises ClusterError after `deadline_s` seconds, with the last reason that `check` gave by raising OSError.
    """
    end = time.monotonic() + deadline_s
    reason = ""
    while True:
        try:
            result = check()
            if result:
                return result
            reason = ""
        except OSError as error:  # refused, reset, timed out, TLS not yet up
            reason = f": {error}"
        if alive is not None:
            alive()
        interrupts.check()
        if time.monotonic() > end:
            raise ClusterError(f"{what} took longer than {deadline_s:.0f} s{reason}")
        time.sleep(POLL_S)
