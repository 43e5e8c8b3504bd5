"""The command line: what is asked for is measured one after the other, on one control plane; at the end the figures, as lines that a program reads."""

import argparse
import contextlib
import fcntl
import shutil
import sys
import time
from pathlib import Path

from sluice_cluster import interrupts, ownership
from sluice_cluster.errors import ClusterError

from . import figures, netns
from .errors import BenchError
from .scenarios import SCENARIOS, TOLD_BY
from .world import PORT_BASE, ROOT, World, build_tools

FOLDER = ROOT / "build" / "bench-operator"


def parser():
    options = argparse.ArgumentParser(prog="run.py", description="The operator beside its peers, on a real control plane; see bench/README.md.")
    options.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}; all where none is named")
    options.add_argument("--rounds", type=int, default=3, help="of each side, in turn; the median counts (default: %(default)s)")
    options.add_argument("--nodes", type=int, default=200, help="that kwok plays (default: %(default)s)")
    options.add_argument("--scale-pods", type=int, default=1000, help="default: %(default)s")
    options.add_argument("--gateways", type=int, default=50, help="RealtimeGateways of the fleet (default: %(default)s)")
    options.add_argument("--fleet-pods", type=int, default=5000, help="of all of them (default: %(default)s)")
    options.add_argument("--settle-seconds", type=float, default=20, help="of quiet before the rest is measured (default: %(default)s)")
    options.add_argument("--idle-seconds", type=float, default=60, help="default: %(default)s")
    options.add_argument("--event-rate", type=float, default=500, help="pod events a second (default: %(default)s)")
    options.add_argument("--event-seconds", type=float, default=20, help="default: %(default)s")
    options.add_argument("--drain-pods", type=int, default=10, help="that drain at once (default: %(default)s)")
    options.add_argument("--drain-connections", type=int, default=2000, help="of each of them (default: %(default)s)")
    options.add_argument("--drain-rate", type=int, default=2000, help="their budget, connections a second (default: %(default)s)")
    options.add_argument("--failover-pods", type=int, default=600, help="default: %(default)s")
    options.add_argument("--port-base", type=int, default=PORT_BASE, help="of the control plane (default: %(default)s)")
    options.add_argument("--folder", type=Path, default=FOLDER, help="for its state and logs (default: build/bench-operator)")
    return options


def main(words):
    options = parser().parse_args(words)
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        print(f"bench-operator: unknown scenario {unknown[0]}: {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    interrupts.install()
    ownership.make_folder(options.folder)
    try:
        netns.need_root()
        build_tools()  # Where they have not been built they are downloaded first, what a namespace of its own cannot do.
        netns.enter()
        with alone(options.folder):
            return run(options, Say())
    except KeyboardInterrupt:
        print("bench-operator: interrupted", file=sys.stderr)
        return 130
    except (BenchError, ClusterError) as error:
        print(f"bench-operator: {error}\nlogs: {options.folder}/logs, {options.folder}/cluster/logs", file=sys.stderr)
        return 1
    finally:
        ownership.give_tree(options.folder)


@contextlib.contextmanager
def alone(folder):
    """Two runs would share the folder's control plane, each in a namespace where the other's cannot be reached."""
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError(f"another run is at work in {folder}: wait for its end, or give this one a --folder and a --port-base") from None
        yield


class Say:
    """Lines with the time that has passed."""

    def __init__(self):
        self._began = time.monotonic()

    def __call__(self, text):
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", flush=True)


def run(options, say):
    World.check_built()
    shutil.rmtree(options.folder / "logs", ignore_errors=True)
    say("starting a control plane")
    values = {}
    with World(options.folder, say, options.nodes, options.port_base) as world:
        for name in options.scenarios or SCENARIOS:
            say(f"--- {name}")
            values |= SCENARIOS[name](world, options)
        say("taking the control plane down")
    print()
    for name in sorted(values, key=list(figures.FIGURES).index):
        print(figures.line(name, values[name]))
    broken = {name: bound for name, value in values.items() if (bound := figures.verdict(name, value))}
    for name, bound in broken.items():
        print(f"bench-operator: {name} is to be {bound}", file=sys.stderr)
    missing = [name for scenario in options.scenarios or SCENARIOS for name in TOLD_BY[scenario] if name not in values]
    for name in missing:
        print(f"bench-operator: {name} was not measured, see above", file=sys.stderr)
    return 1 if broken or missing else 0
