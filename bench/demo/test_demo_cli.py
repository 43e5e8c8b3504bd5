"""How a run begins and ends."""

import argparse
import contextlib
import io

import pytest
from sluice_demo.cli import Demo


class Played:
    """A cluster that notes what is asked of it."""

    def __init__(self, runs):
        self.asked = []
        self._runs = runs

    def runs(self):
        return self._runs

    def kubectl(self, verb, *_):
        self.asked.append(verb)

    def __getattr__(self, name):
        return lambda *words: self.asked.append(name)


@pytest.mark.parametrize("runs, keep, asked", [
    (False, False, ["up", "find_tools", "deploy", "apply", "down"]),
    (False, True, ["up", "find_tools", "deploy", "apply"]),
    (True, False, ["find_tools", "deploy", "delete", "apply", "delete"]),
    (True, True, ["find_tools", "deploy", "delete", "apply"]),
])
def test_a_run_finds_nothing_of_an_earlier_one_and_leaves_what_it_found(runs, keep, asked):
    demo = Demo(argparse.Namespace(keep=keep, bench=False), log=None)
    demo._cluster = Played(runs)
    with contextlib.ExitStack() as undo, contextlib.redirect_stdout(io.StringIO()):
        demo._bring_up(undo)
    assert demo._cluster.asked == asked
