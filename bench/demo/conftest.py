"""The driver's package is beside this file, the cluster's in tests/cluster."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tests" / "cluster")]
