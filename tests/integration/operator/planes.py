"""What a control plane needs before an operator can work in it, and where the programs under test are."""

import os
import subprocess
from pathlib import Path

from clusters import cluster
from operators import SYSTEM
from waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build" / "release"))
PORT_BASE = int(os.environ.get("SLUICE_TEST_PORT_BASE", "29400"))


def prepared(own):
    """Puts the CRD and the operator's namespace into a control plane; answers its kubeconfig."""
    run = [kubectl(), "--kubeconfig", own.kubeconfig]
    subprocess.run([*run, "apply", "-f", ROOT / "crds"], check=True, capture_output=True)
    # At first the CRD has no conditions at all, which kubectl wait takes for an error.
    wait = [*run, "wait", "--for=condition=Established", "--timeout=60s", "-f", ROOT / "crds"]
    eventually(lambda: subprocess.run(wait, check=False, capture_output=True).returncode == 0, "the CRD to be served")
    subprocess.run([*run, "create", "namespace", SYSTEM], check=True, capture_output=True)
    return own.kubeconfig


def kubectl():
    return Path(cluster("bin").stdout.splitlines()[-1]) / "kubectl"
