"""Removing everything that a cluster put on this machine, and looking afterwards whether it is all gone.

There is one way down, for clusters that run and for those that crashed: each step asks the machine what is there, not a
log of what was done, and does nothing where there is nothing.
"""

import contextlib
import os
import shutil
from pathlib import Path

from . import cgroups, clients, containerd, host, mounts, network, ownership, processes, record
from .settings import RUNTIME_FOLDERS

CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOG_LINKS = Path("/var/log/containers")
OUR_PROGRAMS = (
    "containerd",
    "containerd-shim",
    "etcd",
    "kube-apiserver",
    "kube-controller",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
)


def remove(known):
    """Takes a cluster down, whatever state it is in. Raises ClusterError where something refuses to go."""
    settings = known.settings
    if known.boot_id == processes.boot_id():
        processes.kill_all(known.processes().values())
        # Of an `up` that was killed between starting a process and writing it down.
        processes.kill_pids(lambda: {pid for pid, _ in _running_for(settings)}, "a process of the cluster")
        if not settings.control_plane_only:
            _remove_node(known)
        network.remove_node_address(settings)
        host.restore_sysctls(known.sysctls)
    if not settings.control_plane_only:
        for path in [*_cni_results(), *_log_links(settings)]:
            path.unlink(missing_ok=True)
    mounts.unmount_below(settings.state)  # also without a node, so that no folder is removed through a mount
    for name in RUNTIME_FOLDERS:
        _remove_folder(settings.state / name)
    settings.kubeconfig.unlink(missing_ok=True)
    host.remove_folders(known.absent_folders)
    known.forget()
    if settings.state.exists():
        ownership.give_tree(settings.state)


def _remove_node(known):
    settings = known.settings
    shim_sockets = containerd.shim_sockets(settings, cgroups.pids())
    processes.kill_pids(cgroups.pids, "a process of the node")
    for path in shim_sockets:
        path.unlink(missing_ok=True)
    mounts.unmount_below(settings.state)
    _remove_network(settings, known.forward_rules)
    cgroups.remove()


def _remove_network(settings, forward_rules):
    network.remove_pod_interfaces(settings)
    clients.remove_for(settings)
    network.remove_service_route(settings)
    network.remove_kube_proxy_tables()
    network.remove_forward_rules(forward_rules)
    network.forget_connections(settings)


def remove_unrecorded(settings):
    """Removes what a node has left in the network where no record of it is left, as of a container that was started
    anew and kept its network: only where it bears our mark, and nothing of a node lives. Answers its address or None.
    """
    address = network.unrecorded_node(settings)
    if (
        address is None
        or record.may_be_of_a_node()
        or processes.named("kube-proxy")
        or processes.somebody_listens_on(address)
        or cgroups.occupied()
    ):
        return None
    _remove_network(settings, network.needed_forward_rules(settings))
    network.remove_loopback_address(address)
    cgroups.remove()
    return address


def _remove_folder(folder):
    if folder.is_dir():
        shutil.rmtree(folder)


def _cni_results():
    """What the CNI library keeps, in a place of its own choice, of our pods' network and of their loopback."""
    ours = f"{network.POD_NETWORK}-"
    for path in CNI_RESULTS.glob(f"{ours}*"):
        pod = path.name.removeprefix(ours).removesuffix("-eth0")
        yield CNI_RESULTS / f"cni-loopback-{pod}-lo"
        yield path


def _log_links(settings):
    """Links to pods' logs that the kubelet puts into a folder of its own choice."""
    for path in CONTAINER_LOG_LINKS.glob("*.log"):
        with contextlib.suppress(OSError):
            if os.readlink(path).startswith(f"{settings.state}/"):
                yield path


def remaining(known):
    """One phrase for each thing of the cluster that is still there; empty after a proper end."""
    settings = known.settings
    found = [f"process {pid} ({name})" for pid, name in _running_for(settings)]
    found += [f"mount {point}" for point in mounts.below(settings.state)]
    if network.has_node_address(settings):
        found.append(f"address {settings.node_address}")
    found += [f"folder {settings.state / name}" for name in RUNTIME_FOLDERS if (settings.state / name).exists()]
    if not settings.control_plane_only:
        found += [f"process {pid} (in cgroup {cgroups.NAME})" for pid in sorted(cgroups.pids())]
        found += [f"cgroup {group}" for group in cgroups.remaining()]
        found += [f"interface {name}" for name in network.pod_interfaces(settings)]
        found += clients.remaining(settings)
        found += [f"route {route['dst']}" for route in network.service_routes(settings)]
        found += [f"nft table {table}" for table in network.kube_proxy_tables()]
        found += [f"iptables rule {' '.join(rule)}" for rule in network.remaining_forward_rules(known.forward_rules)]
        found += [f"file {path}" for path in [*_cni_results(), *_log_links(settings)]]
    found += [f"sysctl {name} = {now} (was {before})" for name, before, now in host.changed_sysctls(known.sysctls)]
    found += [f"folder {folder}" for folder in known.absent_folders if _is_ours(folder)]
    return found


def _is_ours(folder):
    """A folder that was not there before and is empty. One with something in it has found another user meanwhile."""
    return os.path.isdir(folder) and not os.listdir(folder)


def _running_for(settings):
    """(pid, name) of programs of ours that were started for this state folder, recorded or not."""
    needle = f"{settings.state}/".encode()
    for pid, name in processes.running():
        with contextlib.suppress(OSError):
            if name in OUR_PROGRAMS and needle in Path(f"/proc/{pid}/cmdline").read_bytes():
                yield pid, name
