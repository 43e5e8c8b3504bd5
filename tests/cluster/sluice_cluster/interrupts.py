"""Ctrl-C and SIGTERM: `up` takes back what it has done, whenever they come.

Outside of a start they raise KeyboardInterrupt at once. During a start they are only noted, and looked at between its
steps: raised at once, the exception might come between starting a process and writing it down, or inside a destructor,
which swallows it.
"""

import contextlib
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_noted = threading.Event()


def _interrupt(*_):
    raise KeyboardInterrupt


def _note(*_):
    _noted.set()


def install():
    """Makes both raise KeyboardInterrupt in the main thread."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


@contextlib.contextmanager
def held_back():
    """Only notes them until the block is left, in the main thread; raises KeyboardInterrupt then if one came."""
    _noted.clear()
    before = [signal.signal(number, _note) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
    check()


def check():
    """Raises KeyboardInterrupt if one was noted, in any thread."""
    if _noted.is_set():
        raise KeyboardInterrupt
