"""What the user sees: results on standard output, and the progress of long steps on standard error.

Progress is one line that is kept current on a terminal, and one line now and then in a log.
"""

import sys
import threading
import time

TERMINAL_EVERY_S = 1.0
LOG_EVERY_S = 15.0


def say(text):
    print(f"cluster: {text}", flush=True)


def _say_progress(text):
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def elapsed(seconds):
    return f"{seconds:.0f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


class Step:
    """A step that takes long: `with Step("compile") as step: step.detail = "..."`, from any thread."""

    def __init__(self, name):
        self._name = name
        self._ended = threading.Event()
        self._terminal = sys.stderr.isatty()
        self._reporter = threading.Thread(target=self._report, daemon=True)
        self._started = 0.0
        self.detail = ""

    def __enter__(self):
        self._started = time.monotonic()
        if not self._terminal:
            _say_progress(f"{self._name} ...")
        self._reporter.start()
        return self

    def __exit__(self, kind, value, trace):
        self._ended.set()
        self._reporter.join()
        took = elapsed(time.monotonic() - self._started)
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr)
        _say_progress(f"{self._name}: {'done' if kind is None else 'failed'} after {took}")

    def _report(self):
        while not self._ended.wait(TERMINAL_EVERY_S if self._terminal else LOG_EVERY_S):
            took = elapsed(time.monotonic() - self._started)
            text = f"{self._name}: {took}{', ' if self.detail else ''}{self.detail}"
            if self._terminal:
                print(f"\r\033[Kcluster: {text}", end="", file=sys.stderr, flush=True)
            else:
                _say_progress(text)
