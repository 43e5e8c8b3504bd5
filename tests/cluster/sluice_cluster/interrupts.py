"""Ctrl-C, SIGTERM and a terminal that goes away: `up` takes back what it has done, whenever they come.

Outside of a start they raise KeyboardInterrupt at once. During a start they are only noted, and looked at between its
steps: raised at once, the exception might come between starting a process and writing it down, or inside a destructor,
which swallows it.
"""

import contextlib
import os
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_noted = threading.Event()
_terminals = set()


def _interrupt(number, _):
    _leave_terminal(number)
    # Whoever is told to end tidies up, and goes on doing so when he is told again: both a shell and the kernel tell of
    # a lost terminal. Ctrl-C stays the user's last resort.
    for other in _handled():
        if other != signal.SIGINT:
            signal.signal(other, _go_on)
    raise KeyboardInterrupt


def _go_on(number, _):
    _leave_terminal(number)


def _note(number, _):
    _leave_terminal(number)
    _noted.set()


def _leave_terminal(number):
    """What we say to a terminal that has gone would fail, in the middle of tidying up."""
    if number == signal.SIGHUP and _terminals:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in _terminals:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        _terminals.clear()


def _handled():
    """nohup ignores SIGHUP, and so do we then."""
    hang_up_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if number != signal.SIGHUP or not hang_up_ignored]


def install():
    """Makes them raise KeyboardInterrupt in the main thread."""
    _terminals.update(descriptor for descriptor in (1, 2) if os.isatty(descriptor))
    for number in _handled():
        signal.signal(number, _interrupt)


@contextlib.contextmanager
def held_back():
    """Only notes them until the block is left, in the main thread; raises KeyboardInterrupt then if one came."""
    _noted.clear()
    before = {number: signal.signal(number, _note) for number in _handled()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    check()


def check():
    """Raises KeyboardInterrupt if one was noted, in any thread."""
    if _noted.is_set():
        raise KeyboardInterrupt
