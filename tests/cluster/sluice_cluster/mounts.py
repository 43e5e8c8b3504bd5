"""Mounts below a folder, network namespaces included: containerd binds each to a file in its state folder."""

import re
import subprocess
from pathlib import Path

from .errors import ClusterError


def below(folder):
    """Mount points below `folder`, deepest first, one entry for each mount."""
    prefix = f"{folder}/"
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = _unescape(line.split()[4])
        if point.startswith(prefix):
            points.append(point)
    return list(reversed(points))


def _unescape(point):
    """/proc/self/mountinfo writes blanks, tabs, line ends and backslashes in octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def unmount_below(folder):
    points = below(folder)
    if points:
        # Lazily: a process of somebody else that merely looks into a volume must not keep the cluster from going.
        subprocess.run(["umount", "--lazy", "--", *points], capture_output=True, check=False)
    if left := below(folder):
        raise ClusterError(f"{left[0]} cannot be unmounted; who uses it: fuser -vm {left[0]}")


def overlay_works(folder):
    """Whether overlayfs accepts `folder` as its upper layer: it does not on another overlayfs, as in a container."""
    base = Path(folder) / "overlay-probe"
    for name in ("lower", "upper", "work", "merged"):
        (base / name).mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, base / "merged"], capture_output=True, check=False
    )
    if mounted.returncode == 0:
        subprocess.run(["umount", base / "merged"], capture_output=True, check=True)
    subprocess.run(["rm", "-rf", "--one-file-system", base], check=True)
    return mounted.returncode == 0
