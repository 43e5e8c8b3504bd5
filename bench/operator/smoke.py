"""`make bench-operator` with small numbers: every scenario runs to its end and tells each of its figures. What the figures are is not judged here: a machine that tests is
busy, and a fleet of fifty is none."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "bench" / "operator" / "run.py"
PORT_BASE = 21060
SMALL = (
    "--rounds=1 --nodes=5 --scale-pods=50 --gateways=4 --fleet-pods=48 --settle-seconds=1 --idle-seconds=2 --event-rate=50 --event-seconds=2 "
    "--drain-pods=2 --drain-connections=100 --drain-rate=100 --failover-pods=40"
).split()
FIGURE = re.compile(r"^figure (operator\.[\w.]+) = -?\d+(?:\.\d+)? \S+$", re.MULTILINE)


def test_every_figure_is_told(tmp_path):
    words = [sys.executable, "-B", RUN, *SMALL, f"--port-base={PORT_BASE}", f"--folder={tmp_path}"]
    ran = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=os.environ)
    assert ran.returncode in (0, 1), ran.stdout
    sys.path.insert(0, str(RUN.parent))
    from operator_bench.figures import FIGURES

    assert FIGURE.findall(ran.stdout) == list(FIGURES), ran.stdout
    assert "figure operator.failover.double_actions = 0 actions" in ran.stdout
    assert not (tmp_path / "cluster" / "pki").exists()  # The control plane has gone.
