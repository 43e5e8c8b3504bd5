#!/usr/bin/env python3
"""The operator beside its peers, on a real control plane; see bench/README.md. Runs with the Python of build/venv."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # As root, in a user's checkout.
HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent / "tests"
# The cluster's own package knows its folders; the stand-in for a kubelet and what it imports are the tests'.
sys.path[:0] = [str(HERE), str(TESTS / "cluster"), str(TESTS / "integration" / "operator"), str(TESTS / "e2e")]

from operator_bench.cli import main  # noqa: E402  (the paths have to come first)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
