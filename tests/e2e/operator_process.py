"""The operator as a process on this machine: which one leads, and killing it as a crash would."""

import os
import signal
from pathlib import Path

from node import SYSTEM
from waiting import eventually

PROGRAM = "sluice-operator"


def leader(core, coordination):
    """The pod that holds the Lease."""
    holder = coordination.read_namespaced_lease(PROGRAM, SYSTEM).spec.holder_identity or ""
    pods = core.list_namespaced_pod(SYSTEM, label_selector="app.kubernetes.io/component=operator").items
    return next((pod for pod in pods if holder.startswith(pod.metadata.name)), None)


def kill_leader(core, coordination):
    """SIGKILL to the leading operator's process, without a word to anybody; returns the pod."""
    pod = eventually(lambda: leader(core, coordination), "an operator that leads")
    container = pod.status.container_statuses[0].container_id.rpartition("/")[2]
    os.kill(_process_of(container), signal.SIGKILL)
    return pod


def _process_of(container):
    """The pid, on the host, of the operator in that container."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            program = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
            if Path(program).name == PROGRAM and container in (folder / "cgroup").read_text():
                return int(folder.name)
        except OSError:
            continue  # it ended while we looked
    raise AssertionError(f"no process of the container {container}")
