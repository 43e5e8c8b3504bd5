"""What the cluster needs from the host and what it changes there: checks before, settings put back afterwards."""

import errno
import os
import resource
import shutil
import socket
from pathlib import Path

from . import processes
from .errors import ClusterError

DEBIAN_PACKAGE = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mount": "mount",
    "umount": "mount",
    "openssl": "openssl",
}
CONTROL_PLANE_PROGRAMS = ("ip", "openssl")

# Written by the kubelet, by the CNI plugins or by us; `down` puts back what differs.
SYSCTLS = (
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "net.ipv4.ip_forward",
    "net.netfilter.nf_conntrack_max",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
)
# Each connection through a Service takes one entry; a demo of 10,000 clients and its time-waits stays far below.
CONNTRACK_ENTRIES_MIN = 262144

# Made by the kubelet, containerd and the CNI plugins whatever they are told; `down` removes those that were not there
# before.
HOST_FOLDERS = (
    "/run/containerd",
    "/run/containerd/s",
    "/var/lib/cni",
    "/var/lib/cni/results",
    "/var/lib/kubelet",
    "/var/lib/kubelet/device-plugins",
    "/var/log/containers",
)
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
DESCRIPTORS_WANTED = 1048576


def prepare_environment():
    """The sbin folders on PATH (Debian leaves them out for users), and as many descriptors as this process may have."""
    path = os.environ.get("PATH", "/usr/bin:/bin").split(":")
    os.environ["PATH"] = ":".join(path + [folder for folder in SBIN if folder not in path])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for wanted in (max(hard, DESCRIPTORS_WANTED), hard):
        try:
            # Containers inherit this from containerd, and a gateway needs a descriptor for each connection.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
        except (ValueError, PermissionError):  # above the hard limit needs CAP_SYS_RESOURCE
            continue


def check_root():
    if os.geteuid() != 0:
        raise ClusterError(
            "must run as root (it makes addresses, mounts and cgroups); try: sudo tests/cluster/cluster ..."
        )


def check_programs(control_plane_only):
    names = CONTROL_PLANE_PROGRAMS if control_plane_only else DEBIAN_PACKAGE
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        packages = " ".join(sorted({DEBIAN_PACKAGE[name] for name in missing}))
        raise ClusterError(f"no {', '.join(missing)} on this machine; on Debian: apt-get install {packages}")


def check_ports(settings):
    """Every listener can be bound. Addresses that do not exist yet are ours alone, so only the port is tried there."""
    for address, port, program in settings.listeners():
        for candidate in dict.fromkeys((address, "0.0.0.0")):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((candidate, port))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        continue
                    owner = processes.owner_of_port(port)
                    raise ClusterError(
                        f"port {port}, which {program} needs, is taken by {owner}; choose other ports with --port-base"
                    ) from None


def _sysctl_path(name):
    return Path("/proc/sys") / name.replace(".", "/")


def read_sysctls():
    """Name -> value of those that this kernel has."""
    return {name: _sysctl_path(name).read_text().strip() for name in SYSCTLS if _sysctl_path(name).exists()}


def changed_sysctls(before):
    """(name, value before, value now) of each that differs."""
    now = read_sysctls()
    return [(name, old, now[name]) for name, old in before.items() if name in now and now[name] != old]


def restore_sysctls(before):
    for name, old, _ in changed_sysctls(before):
        _sysctl_path(name).write_text(old)


def forward_packets():
    """Between pods, and between pods and clients in namespaces of their own."""
    _sysctl_path("net.ipv4.ip_forward").write_text("1")


def raise_conntrack_limit(sysctls):
    """Makes room for many connections. `sysctls` gets the value before: the file appears with the first rule."""
    path = _sysctl_path("net.netfilter.nf_conntrack_max")
    if not path.exists():
        return
    entries = int(path.read_text())
    sysctls.setdefault("net.netfilter.nf_conntrack_max", str(entries))
    if entries < CONNTRACK_ENTRIES_MIN:
        path.write_text(str(CONNTRACK_ENTRIES_MIN))


def absent_folders():
    return [folder for folder in HOST_FOLDERS if not os.path.isdir(folder)]


def remove_folders(folders):
    """Removes the empty ones of `folders`, deepest first. Those with something in them are somebody else's by now."""
    for folder in sorted(folders, reverse=True):
        try:
            os.rmdir(folder)
        except OSError:
            continue
