"""Network namespaces of clients (load generators, tests), each with a veth pair to the host.

Others make them, with an address in the upper half of the cluster's network; what is killed leaves them behind, and
with them a route that keeps the next node from starting. So a namespace is named after the process that made it.
"""

import ipaddress
import os
import re

from . import network, processes

NAME = re.compile(r"sluice-(?:[a-z]+-)?(?P<pid>\d+)(?:-(?P<ticks>\d+))?")


def namespace_name(what):
    """For a namespace of this process: its pid and start time are in the name."""
    return f"sluice-{what}-{os.getpid()}-{processes.start_ticks(os.getpid())}"


def _is_abandoned(name):
    match = NAME.fullmatch(name)
    if match is None:
        return False
    ticks = processes.start_ticks(match["pid"])
    return ticks is None or (match["ticks"] is not None and ticks != int(match["ticks"]))


def _ids():
    """Name -> id of each named namespace; None where the kernel has given it none, having no veth pair with it."""
    return {each["name"]: each.get("id") for each in network.ip_json("netns", "list")}


def _interfaces(settings):
    """The host's ends of the pairs: veths with an address in the upper half of the cluster's network."""
    upper = list(settings.cluster_cidr.subnets(prefixlen_diff=1))[1]
    return [
        link
        for link in network.ip_json("-4", "address", "show", "type", "veth")
        if any(ipaddress.ip_address(entry["local"]) in upper for entry in link.get("addr_info", []))
    ]


def remove_abandoned(settings):
    """Removes what ended processes have left behind, whatever cluster it was for, and nothing of a living one."""
    ids = _ids()
    abandoned = [name for name in ids if _is_abandoned(name)]
    living = {ids[name] for name in ids if name not in abandoned}
    links = network.ip_json("link", "show", "type", "veth")
    going = {link["ifname"] for link in links if link.get("link_netnsid") in {ids[name] for name in abandoned} - {None}}
    # A namespace without a name goes with the last process in it; its owner has taken its leave already.
    going |= {
        link["ifname"]
        for link in _interfaces(settings)
        if "link_netnsid" in link and link["link_netnsid"] not in living
    }
    _remove(going, abandoned)


def remove_for(settings):
    """Removes all pairs with this cluster's node, which is going, and namespaces of ended processes."""
    _remove({link["ifname"] for link in _interfaces(settings)}, filter(_is_abandoned, _ids()))


def _remove(interfaces, namespaces):
    """A pair goes with its namespace, but in the kernel's own time, and not while a process is left in it."""
    for name in sorted(interfaces):
        network.remove_interface(name)
    for name in namespaces:
        network.checked("ip", "netns", "delete", name)


def remaining(settings):
    """One phrase for each thing of ended processes, and for each pair with the node."""
    found = [f"interface {link['ifname']} (of a client)" for link in _interfaces(settings)]
    return found + [f"network namespace {name}" for name in _ids() if _is_abandoned(name)]
