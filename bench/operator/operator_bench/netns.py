"""A network namespace for the whole benchmark: kwok's pods have addresses that EndpointSlices may have (they refuse those of 127.0.0.0/8), every one of them is this
machine's, and all of it is gone with the process.
"""

import os
import subprocess
import sys

from .errors import BenchError

# Of kwok's pods; RFC 2544, benchmarks.
POD_NETWORK = "198.18.0.0/15"
FIRST_POD = "198.18.0.1/15"
INSIDE = "SLUICE_BENCH_NETNS"


def need_root():
    if os.geteuid() != 0:
        raise BenchError("needs root, for a network namespace of its own: scripts/with-root")


def enter():
    """Goes on in a new namespace: does not come back where this process is in none yet. Needs root."""
    if os.environ.get(INSIDE) == str(os.getpid()):
        _set_up()
        return
    # exec keeps the process, so that signals and the exit code are ours as before.
    os.environ[INSIDE] = str(os.getpid())
    try:
        os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv])
    except OSError as error:
        raise BenchError(f"cannot run unshare (util-linux): {error}") from error


def _set_up():
    for words in (("link", "set", "lo", "up"), ("route", "add", "local", POD_NETWORK, "dev", "lo")):
        try:
            done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        except OSError as error:
            raise BenchError(f"cannot run ip (iproute2): {error}") from error
        if done.returncode != 0:
            raise BenchError(f"ip {' '.join(words)} failed: {done.stderr.strip()}")
