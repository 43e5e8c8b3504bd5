"""What all runs share: a real control plane with the CRD in it, the record, the node, and a place for logs."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .kube import Kube
from .nodes import Nodes
from .record import Record

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests" / "integration"))

import control_plane as control_planes  # noqa: E402  (the path comes first)

# Of the whole campaigns, and of their smoke: they may run side by side, and so may their logs lie.
PORT_BASE = int(os.environ.get("SLUICE_RELIABILITY_PORT_BASE", "28630"))
SMOKE_PORT_BASE = PORT_BASE + 10
LOGS = ROOT / "build" / "reliability"


class World:
    """Threads: the event loop's."""

    def __init__(self, kube, record, nodes, program, certificate, logs):
        self.kube, self.record, self.nodes, self.program, self.certificate = kube, record, nodes, program, certificate
        self._logs = logs

    def new_folder(self, name):
        folder = self._logs / name
        folder.mkdir(parents=True)
        return folder


@contextlib.contextmanager
def control_plane(port_base=PORT_BASE):
    """A control plane of the campaigns' own, with the CRD in it."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-"))
    try:
        with control_planes.running(folder / "cluster", port_base) as plane:
            kubectl = Path(control_planes.cluster("bin").stdout.splitlines()[-1]) / "kubectl"
            run = [kubectl, "--kubeconfig", plane.kubeconfig]
            subprocess.run([*run, "apply", "-f", ROOT / "crds"], check=True, capture_output=True)
            # At first the CRD has no conditions at all, which kubectl wait takes for an error.
            wait = [*run, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]
            control_planes.eventually(lambda: subprocess.run(wait, check=False, capture_output=True).returncode == 0, "the CRD to be served")
            yield plane
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def world(plane, build, logs=LOGS / "campaign"):
    """`plane` is a control plane whose certificates lie beside its kubeconfig, `build` the folder of the programs under test, `logs` a folder that is
    made anew."""
    shutil.rmtree(logs, ignore_errors=True)
    kube = Kube(plane.kubeconfig)
    pki = plane.kubeconfig.parent / "pki"
    try:
        async with Record(kube) as record, Nodes(kube, record) as nodes:
            program = build / "operator" / "sluice-operator"
            yield World(kube, record, nodes, program, (pki / "kube-apiserver.crt", pki / "kube-apiserver.key"), logs)
    finally:
        await kube.close()


def run_world(plane, build, body):
    """`body(world)` to its end."""

    async def all_of_it():
        async with world(plane, build) as made:
            return await body(made)

    return asyncio.run(all_of_it())
