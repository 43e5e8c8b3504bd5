"""Resident memory of the programs in pods, as the host's kernel counts it."""

import re
from pathlib import Path

VM_RSS = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)
PROC = Path("/proc")


def container_ids(pods, container):
    """Runtime ids of the running containers of that name."""
    statuses = [status for pod in pods for status in pod.get("status", {}).get("containerStatuses", [])]
    return {status["containerID"].split("//")[1] for status in statuses if status["name"] == container and status.get("containerID")}


def largest_bytes(ids):
    """The largest VmRSS of a process in one of these containers; None if none is found."""
    found = []
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            cgroup = (folder / "cgroup").read_text()
            if any(identity in cgroup for identity in ids):
                match = VM_RSS.search((folder / "status").read_text())
                found.append(int(match[1]) * 1024 if match else 0)
        except OSError:
            continue  # It ended meanwhile.
    return max(found, default=None)
