#!/usr/bin/env python3
"""Writes a container image as an OCI layout tar; see --help and sluice_cluster/oci.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sluice_cluster.oci_cli import main  # noqa: E402  (the path has to come first)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
