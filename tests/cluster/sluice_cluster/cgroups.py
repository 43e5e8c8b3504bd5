"""The cgroup that everything of the node lives in, so that nothing of it can be missed when it has to end.

With cgroup v2 it is one folder; with v1, or the hybrid of both, one in each hierarchy. `node` below it holds
containerd, its shims, the kubelet and kube-proxy; the kubelet puts `kubepods` beside it.
"""

import contextlib
import os
import time
from pathlib import Path

from .errors import ClusterError

ROOT = Path("/sys/fs/cgroup")
NAME = "sluice-cluster"
NEEDED = ("cpu", "cpuset", "memory", "pids")


def unified():
    return (ROOT / "cgroup.controllers").exists()


def _hierarchies():
    """Mount points below which the cgroup is made. cgroup.procs is in the root of each."""
    if unified():
        return [ROOT]
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def check():
    """Raises ClusterError where the kubelet could not account for pods."""
    if unified():
        there = (ROOT / "cgroup.controllers").read_text().split()
    else:
        there = [name for name in NEEDED if (ROOT / name / "cgroup.procs").exists()]
    missing = [name for name in NEEDED if name not in there]
    if missing:
        raise ClusterError(
            f"no {', '.join(missing)} cgroup controller below {ROOT}; the kubelet needs {', '.join(NEEDED)}"
        )


def create():
    """Makes the cgroup and returns the folders that a process enters by its pid."""
    if unified():
        _delegate(ROOT)
        (ROOT / NAME / "node").mkdir(parents=True, exist_ok=True)
        _delegate(ROOT / NAME)
        return [ROOT / NAME / "node"]
    for hierarchy in _hierarchies():
        node = hierarchy / NAME / "node"
        node.mkdir(parents=True, exist_ok=True)
        for group in (node.parent, node):
            _fill_cpuset(group)
    # One hierarchy is enough to find the processes by; in the others they stay with whoever called us.
    return [ROOT / "pids" / NAME / "node"]


def _delegate(group):
    controllers = (group / "cgroup.controllers").read_text().split()
    try:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
    except OSError as error:
        raise ClusterError(
            f"cannot hand the cgroup controllers of {group} on ({error.strerror}): "
            "in a container, first move its processes out of the root cgroup"
        ) from error


def _fill_cpuset(group):
    """A new v1 cpuset is empty, and nothing can enter it; it takes over what its parent has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = group / name
        if file.exists() and not file.read_text().strip():
            file.write_text((group.parent / name).read_text())


def _groups():
    """Every existing group of ours, children before their parents."""
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / NAME, topdown=False):
            yield Path(folder)


def _listed():
    """What all groups say that is in them. 0 stands for a process of another PID namespace."""
    found = set()
    for group in _groups():
        with contextlib.suppress(OSError):  # removed meanwhile
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
    return found


def occupied():
    return bool(_listed())


def pids():
    """All processes in the cgroup, in any hierarchy and depth, but those of other PID namespaces: as a pid to be killed
    their 0 would be our own process group."""
    return _listed() - {0}


def remove(deadline_s=10.0):
    """Removes the cgroup once it is empty. The kernel may hold a group for a moment after its last process."""
    end = time.monotonic() + deadline_s
    while remaining := list(_groups()):
        for group in remaining:
            with contextlib.suppress(OSError):
                group.rmdir()
        if time.monotonic() > end:
            raise ClusterError(
                f"cgroup {remaining[0]} cannot be removed; who is in it: cat {remaining[0]}/cgroup.procs"
            )
        time.sleep(0.02)


def remaining():
    return [str(hierarchy / NAME) for hierarchy in _hierarchies() if (hierarchy / NAME).exists()]
