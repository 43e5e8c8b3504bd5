"""Shared by the tests of this folder: the command, folders for clusters, and what the host looks like without one."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
CLUSTER = HERE / "cluster"


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "node: starts this machine's one full node, so nothing else may have one meanwhile"
    )


def cluster(*words, check=True):
    """Runs the command as a user would. Its output is both streams, so that a failing test shows why."""
    done = subprocess.run(
        [sys.executable, CLUSTER, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stdout
    return done


@pytest.fixture(scope="session")
def programs():
    """The folder of kubectl and the others."""
    return Path(cluster("bin").stdout.splitlines()[-1])


@contextlib.contextmanager
def state_folders():
    """Makes state folders, with short names since sockets lie in them; at the end, takes down what runs in them."""
    made = []

    def make():
        made.append(Path(tempfile.mkdtemp(prefix="sluice-")))
        return made[-1]

    yield make
    for folder in made:
        ended = cluster("down", "--state", folder, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        assert ended.returncode == 0, ended.stdout


@pytest.fixture
def state_folder():
    with state_folders() as make:
        yield make
