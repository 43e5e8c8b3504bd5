"""containerd of our own: configuration, image loading and what a killed one leaves behind.

It shares nothing with a containerd of the system but the programs: root, state and socket are in the state folder.
"""

import functools
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from . import mounts, processes
from .errors import ClusterError
from .settings import PAUSE_IMAGE
from .waiting import wait_until

NAMESPACE = "k8s.io"
CNI_PROGRAM_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
CNI_PROGRAMS = ("host-local", "loopback", "ptp", "tuning")
SHIM_SOCKETS = "/run/containerd/s/"


def cni_programs():
    """The folder with the CNI plugins."""
    for folder in CNI_PROGRAM_FOLDERS:
        if all(os.path.exists(f"{folder}/{name}") for name in CNI_PROGRAMS):
            return folder
    raise ClusterError(
        f"no CNI plugins {', '.join(CNI_PROGRAMS)} in {' or '.join(CNI_PROGRAM_FOLDERS)}; "
        "on Debian: apt-get install containernetworking-plugins"
    )


def configure(settings):
    """Writes containerd.toml. The file names version 2, which containerd 1.x reads and 2.x converts."""
    for folder in (settings.containerd_root, settings.containerd_state, settings.containerd_socket.parent):
        folder.mkdir(parents=True)
    # A native snapshot is a copy: slow and large, and all that is left inside a container.
    snapshotter = "overlayfs" if mounts.overlay_works(settings.containerd_root) else "native"
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    lines = [
        "version = 2",
        f"root = {_toml(settings.containerd_root)}",
        f"state = {_toml(settings.containerd_state)}",
        # What a kubelet on Linux does not need, and what would write outside the state folder.
        'disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", '
        '"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.nri.v1.nri"]',
        "[grpc]",
        f"address = {_toml(settings.containerd_socket)}",
        '[plugins."io.containerd.internal.v1.opt"]',
        f"path = {_toml(settings.state / 'containerd' / 'opt')}",
        f"{cri}]",
        f"sandbox_image = {_toml(PAUSE_IMAGE)}",
        "netns_mounts_under_state_dir = true",
        # Without CAP_SYS_RESOURCE nothing may go below our own score; runc would fail to start every sandbox.
        "restrict_oom_score_adj = true",
        f"{cri}.cni]",
        f"bin_dir = {_toml(cni_programs())}",
        f"conf_dir = {_toml(settings.cni / 'conf')}",
        f"{cri}.containerd]",
        f"snapshotter = {_toml(snapshotter)}",
        f"{cri}.containerd.runtimes.runc]",
        'runtime_type = "io.containerd.runc.v2"',
        f"{cri}.containerd.runtimes.runc.options]",
        f"Root = {_toml(settings.state / 'run' / 'runc')}",
        "SystemdCgroup = false",
    ]
    (settings.config / "containerd.toml").write_text("\n".join(lines) + "\n")
    (settings.config / "snapshotter").write_text(snapshotter)


def _toml(value):
    return json.dumps(str(value), ensure_ascii=False)


def command(settings):
    return [shutil.which("containerd"), "--config", settings.config / "containerd.toml"]


def ready(settings):
    """Whether it serves: its socket is there before its plugins are."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(settings.containerd_socket))
    return _ctr(settings, "version").returncode == 0


def _ctr(settings, *words):
    return subprocess.run(
        ["ctr", "--address", settings.containerd_socket, "--namespace", NAMESPACE, *words],
        capture_output=True,
        text=True,
        check=False,
    )


def load_image(settings, tar):
    """Imports an image tar (OCI layout or docker save) so that pods can use it, and returns the names it brought."""
    if not Path(tar).is_file():
        raise ClusterError(f"no such image file: {tar}")
    snapshotter = (settings.config / "snapshotter").read_text()
    imported = _ctr(settings, "images", "import", "--snapshotter", snapshotter, str(tar))
    if imported.returncode != 0:
        raise ClusterError(f"{tar} cannot be imported: {imported.stderr.strip()}")
    names = [line.split()[1] for line in imported.stdout.splitlines() if line.startswith("unpacking ")]
    if not names:
        raise ClusterError(f"{tar} holds no image with a name")
    for name in names:
        wait_until(functools.partial(_cri_knows, settings, name), f"the CRI plugin's notice of image {name}", 30)
    return names


def _cri_knows(settings, name):
    """The CRI plugin learns of an import from an event and labels the image then; no pod finds it earlier."""
    wanted = f'name=="{name}",labels."io.cri-containerd.image"==managed'
    return _ctr(settings, "images", "list", "--quiet", wanted).stdout.strip() != ""


def shim_sockets(settings, pids):
    """Sockets of the shims, which do not remove them when they are killed.

    They are in /run/containerd/s whatever containerd is told. Each shim's bundle in the state folder names its socket;
    where somebody has removed that folder already, those that still run among `pids` have it open.
    """
    bundles = settings.containerd_state / "io.containerd.runtime.v2.task" / NAMESPACE
    named = {address.read_text().removeprefix("unix://") for address in bundles.glob("*/address")}
    return [Path(path) for path in named | processes.unix_sockets(pids) if path.startswith(SHIM_SOCKETS)]
