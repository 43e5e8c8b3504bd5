"""For every test of the checkout: what a run of tests has started ends with it, however the run itself ends."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent / "tests" / "cluster"))

from sluice_cluster import interrupts, record  # noqa: E402  (the path comes first)


def pytest_configure():
    # SIGTERM and a lost terminal then end a run as Ctrl-C does: with the fixtures' own tidying up.
    interrupts.install()
    # A cluster that outlives even that (SIGKILL) is tidied up by the next `cluster up`.
    os.environ[record.OWNER_VARIABLE] = str(os.getpid())


@pytest.fixture(autouse=True)
def hang_up_is_not_ignored():
    """What a test starts would inherit an ignored SIGHUP, as nohup leaves it, and some tests send it. A handler is not inherited."""
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, before)
