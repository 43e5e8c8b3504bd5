"""However a run of tests ends, its fixtures are torn down: else a node would stay, and later tests would meet it."""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sluice_cluster.settings import CHECKOUT

HANGING = """
import pathlib
import signal

import pytest

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def thing():
    yield
    (HERE / "torn down").touch()


def test_hangs(thing):
    (HERE / "hangs").touch()
    signal.pause()
"""


@pytest.fixture
def hanging():
    """A test that hangs, below the checkout, whose pytest.ini and conftest.py are what is tried."""
    (CHECKOUT / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="hanging-", dir=CHECKOUT / "build"))
    (folder / "test_hanging.py").write_text(HANGING)
    yield folder
    shutil.rmtree(folder)


def started(folder, *options):
    words = [sys.executable, "-B", "-m", "pytest", *options, folder]
    return subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_told_to_end_tidies_up(hanging, number):
    with started(hanging) as run:
        while not (hanging / "hangs").exists():
            assert run.poll() is None, run.stdout.read()
        run.send_signal(number)
        output = run.stdout.read()
    assert "KeyboardInterrupt" in output
    assert (hanging / "torn down").exists()


def test_a_test_that_hangs_tidies_up(hanging):
    with started(hanging, "--override-ini=timeout=1") as run:
        output = run.stdout.read()
    assert "1 failed" in output and "Timeout" in output
    assert (hanging / "torn down").exists()
