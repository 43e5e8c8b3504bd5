#!/usr/bin/env python3
"""The main job on a real cluster, live in the terminal; see bench/README.md."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # As root, in a user's checkout.
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# The cluster's own package knows its folders and addresses.
sys.path.insert(0, str(HERE.parent.parent / "tests" / "cluster"))

from sluice_demo.cli import main  # noqa: E402  (the paths have to come first)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
