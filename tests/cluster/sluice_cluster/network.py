"""Addresses, routes, firewall rules and the pods' network.

Pods hang on the host by one veth pair each (the CNI plugin `ptp`), with a route to each: there is no bridge. All
traffic between pods is then routed by the host and passes its connection tracking in both directions. On a bridge, two
pods of the same node would answer each other past the rules of kube-proxy, unless the module br_netfilter is loaded and
switched on for the whole machine.

Pods reach each other, the host and Services. They do not reach the Internet: there is no masquerading, and no test
needs it.
"""

import ipaddress
import json
import shutil
import subprocess

from .errors import ClusterError

POD_NETWORK = "sluice-pods"
KUBE_PROXY_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))
# A gateway that is being scaled up is met by thousands of connections at once; the kernel's 4096 would drop some.
POD_SOMAXCONN = "65535"


def _run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def checked(*words):
    done = _run(*words)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def ip_json(*words):
    return json.loads(checked("ip", "-json", *words) or "[]")


def check_free(settings):
    """The address ranges are not routed anywhere, and no other Kubernetes node has its rules here."""
    ours = (settings.service_cidr, settings.cluster_cidr)
    for route in ip_json("-4", "route", "show", "table", "all"):
        if route["dst"] == "default" or route.get("type") in ("broadcast", "local"):
            continue
        destination = ipaddress.IPv4Network(route["dst"], strict=False)
        for network in ours:
            if destination.overlaps(network):
                raise ClusterError(
                    f"{network}, which the cluster needs, is already routed to {route['dst']} "
                    f"dev {route.get('dev', '?')}; choose another block with --network, "
                    f"or, where that is a leftover: {_removal(route)}"
                )
    if tables := kube_proxy_tables():
        removal = " && ".join(f"nft delete table {table}" for table in tables)
        raise ClusterError(
            f"nft table {tables[0]} is here already: another Kubernetes node runs on this machine, "
            f"or, where none does: {removal}"
        )


def _removal(route):
    """The command that takes a route away: with its interface where that was made for it."""
    device = route.get("dev", "?")
    if any(link["ifname"] == device for link in ip_json("link", "show", "type", "veth")):
        return f"ip link delete {device}"
    table = f" table {route['table']}" if "table" in route else ""
    return f"ip route delete {route['dst']} dev {device}{table}"


def has_node_address(settings):
    return _interface_of(settings.node_address) is not None


def _interface_of(address):
    for link in ip_json("-4", "address", "show"):
        if any(entry.get("local") == address for entry in link.get("addr_info", [])):
            return link["ifname"]
    return None


def add_node_address(settings):
    """Puts the node's address on the loopback interface, which every kernel has; packets to it stay on the host."""
    checked("ip", "address", "add", f"{settings.node_address}/32", "dev", "lo")


def remove_node_address(settings):
    if has_node_address(settings):
        _remove_address(settings.node_address)


def _remove_address(address):
    checked("ip", "address", "delete", f"{address}/32", "dev", "lo")


def add_service_route(settings):
    """Gives the host's own packets to Services a route, without which a machine that has no default route refuses them.

    kube-proxy's rules then send them where they belong; what no rule takes ends on the loopback interface.
    """
    checked("ip", "route", "add", str(settings.service_cidr), "dev", "lo", "src", settings.node_address)


def service_routes(settings):
    return ip_json("-4", "route", "show", "exact", str(settings.service_cidr))


def remove_service_route(settings):
    if service_routes(settings):
        checked("ip", "route", "delete", str(settings.service_cidr))


def unrecorded_node(settings):
    """The address of a node that has left its Services' route behind, which nobody but us makes like that; or None."""
    for route in service_routes(settings):
        source = route.get("prefsrc")
        if route.get("dev") == "lo" and source and ipaddress.ip_address(source) in settings.node_cidr:
            return source
    return None


def remove_loopback_address(address):
    """Where it is: on another interface it is somebody else's."""
    if _interface_of(address) == "lo":
        _remove_address(address)


def configure_cni(settings):
    """Writes the pods' network for containerd. The kubelet calls the node ready as soon as it is there."""
    ptp = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(settings.cni / "addresses"),
            "ranges": [[{"subnet": str(settings.pod_cidr)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    tuning = {"type": "tuning", "sysctl": {"net.core.somaxconn": POD_SOMAXCONN}}
    (settings.cni / "conf").mkdir(parents=True)
    conflist = {"cniVersion": "0.4.0", "name": POD_NETWORK, "plugins": [ptp, tuning]}
    (settings.cni / "conf" / "10-sluice.conflist").write_text(json.dumps(conflist, indent=1))


def pod_interfaces(settings):
    """Host ends of the pods' veth pairs: each has the pods' gateway address, the first of the pod network."""
    gateway = str(settings.pod_cidr[1])
    return [
        link["ifname"]
        for link in ip_json("-4", "address", "show", "type", "veth")
        if any(entry.get("local") == gateway for entry in link.get("addr_info", []))
    ]


def remove_pod_interfaces(settings):
    """A veth goes with its namespace, but the kernel does that later, in its own time; this does it now."""
    for name in pod_interfaces(settings):
        remove_interface(name)


def remove_interface(name):
    deleted = _run("ip", "link", "delete", name)
    if deleted.returncode != 0 and "Cannot find device" not in deleted.stderr:
        raise ClusterError(f"ip link delete {name} failed: {deleted.stderr.strip()}")


def kube_proxy_tables():
    tables = checked("nft", "list", "tables").splitlines()
    return [f"{family} {name}" for family, name in KUBE_PROXY_TABLES if f"table {family} {name}" in tables]


def remove_kube_proxy_tables():
    for table in kube_proxy_tables():
        checked("nft", "delete", "table", *table.split())


def forget_connections(settings):
    """Drops tracked connections of pods and Services: the next cluster gives their addresses to others."""
    for network in (settings.service_cidr, settings.cluster_cidr):
        for side in ("--orig-src", "--orig-dst", "--reply-src"):
            _run("conntrack", "--delete", side, str(network))  # exits 1 where there is nothing to delete


def needed_forward_rules(settings):
    """iptables rules that let packets to and from pods through where the policy drops them, as Docker sets it."""
    if shutil.which("iptables") is None:
        return []
    listed = _run("iptables", "--wait", "--list-rules", "FORWARD")
    if listed.returncode != 0 or not listed.stdout.startswith("-P FORWARD DROP"):
        return []
    cidr = str(settings.cluster_cidr)
    comment = ["-m", "comment", "--comment", "sluice-cluster", "-j", "ACCEPT"]
    return [["FORWARD", "-s", cidr, *comment], ["FORWARD", "-d", cidr, *comment]]


def add_forward_rules(rules):
    for rule in rules:
        checked("iptables", "--wait", "-I", *rule)


def remaining_forward_rules(rules):
    return [rule for rule in rules if _run("iptables", "--wait", "-C", *rule).returncode == 0]


def remove_forward_rules(rules):
    for rule in remaining_forward_rules(rules):
        checked("iptables", "--wait", "-D", *rule)
