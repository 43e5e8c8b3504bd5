"""Clusters in the hands of tests: the command as a user runs it, and folders that leave nothing behind."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLUSTER = HERE / "cluster"


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


@contextlib.contextmanager
def state_folders():
    """Makes state folders, with short names since sockets lie in them; at the end, also of a test or a setup that
    fails, takes down what runs in them."""
    made = []

    def make():
        made.append(Path(tempfile.mkdtemp(prefix="sluice-")))
        return made[-1]

    try:
        yield make
    finally:
        failures = [failure for folder in made if (failure := _take_down(folder))]
        assert not failures, "\n".join(failures)


def _take_down(folder):
    """What `down` said where it failed, and then the folder stays, for its logs."""
    ended = cluster("down", "--state", folder, check=False)
    if ended.returncode != 0:
        return f"cluster down --state {folder}: {ended.stdout}"
    shutil.rmtree(folder, ignore_errors=True)
    return ""


def ended_pid():
    """Of a process that has run and runs no more."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


ALONE = """
mount -t tmpfs none /run && mount -t tmpfs none /sys/fs/cgroup && ip link set lo up && exec "$@"
"""


def alone(body):
    """Runs `body`, a function of a test file here, in a process that has network, process table, /run and cgroups to
    itself: there it may put on the machine what it likes."""
    module = body.__module__
    program = f"import sys; sys.path.insert(0, {str(HERE)!r}); import {module}; {module}.{body.__name__}()"
    isolated = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
    done = subprocess.run(
        [*isolated, "sh", "-c", ALONE, "sh", sys.executable, "-B", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
