"""scripts/run_tests.py: what it says before it begins, and what becomes of its children."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

import run_tests  # noqa: E402  (the path comes first)
from sluice_cluster import processes, record  # noqa: E402
from sluice_cluster.settings import Settings  # noqa: E402


def node(tmp_path, owner=None):
    """The record of a node of which the kubelet, played by `sleep`, is all that runs."""
    known = record.Record(Settings(tmp_path), processes.boot_id(), {}, [], [], owner)
    known.save()
    return known


@pytest.fixture
def kubelet():
    with subprocess.Popen(["sleep", "infinity"]) as process:
        yield processes.ProcessRecord("kubelet", process.pid, processes.start_ticks(process.pid), processes.boot_id())
        process.kill()


ENDED = processes.ProcessRecord("owner", 1, 0, "an earlier boot")


@pytest.mark.parametrize(
    "parts, owner, runs, said",
    [
        (["integration"], None, True, True),
        (["unit", "e2e"], None, True, False),
        (["integration"], None, False, False),
        (["integration"], ENDED, True, False),
    ],
    ids=["its place is needed", "its place is not needed", "it has ended", "nobody needs it any more"],
)
def test_a_node_in_the_way_is_named_before_anything_runs(monkeypatch, tmp_path, capsys, kubelet, parts, owner, runs, said):
    monkeypatch.setattr(record, "RUN_DIR", tmp_path / "run")
    known = node(tmp_path, owner)
    if runs:
        processes.save(kubelet, known.process_folder)
    monkeypatch.setattr(run_tests, "run_parts", lambda parts: {part.name: run_tests.Tally(passed=1) for part in parts})
    assert run_tests.main(parts) == (1 if said else 0)
    assert (f"first: tests/cluster/cluster down --state {tmp_path}\n0 passed, 1 failed" in capsys.readouterr().out) == said


CHILD = """
import pathlib, signal, sys
folder = pathlib.Path(sys.argv[1])
try:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    (folder / "runs").touch()
    signal.pause()
finally:
    (folder / "tidied up").touch()
"""
PARENT = """
import signal, sys
sys.path.append(sys.argv[1])
import run_tests
signal.signal(signal.SIGTERM, run_tests._terminate)
run_tests.run(sys.executable, "-c", sys.argv[2], sys.argv[3])
"""


def test_told_to_end_it_waits_for_what_it_runs_to_tidy_up(tmp_path):
    words = [sys.executable, "-B", "-c", PARENT, ROOT / "scripts", CHILD, tmp_path]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as parent:
        while not (tmp_path / "runs").exists():
            assert parent.poll() is None
        parent.send_signal(signal.SIGTERM)
    assert (tmp_path / "tidied up").exists()
