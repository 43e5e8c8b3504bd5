"""Paths, ports and addresses of a cluster: the one place that names them."""

import dataclasses
import hashlib
import ipaddress
import os
import pwd
from pathlib import Path

from .errors import ClusterError
from .stored import known_fields

SOURCE_DIR = Path(__file__).resolve().parent.parent  # tests/cluster
CHECKOUT = SOURCE_DIR.parent.parent
STATE_VARIABLE = "SLUICE_CLUSTER_STATE"

# Below the node ports (30000-32767) and the usual ephemeral ports (32768-60999), so neither can take them by chance.
DEFAULT_PORT_BASE = 26400
# A block of four /16: one spare, then Services, pods and node addresses.
DEFAULT_NETWORK = "10.96.0.0/14"
DEFAULT_HPA_DOWNSCALE_STABILIZATION = "15s"

NODE_NAME = "sluice-node"
CLUSTER_DOMAIN = "cluster.local"
PAUSE_IMAGE = "sluice.dev/cluster/pause:1"
COREDNS_IMAGE = "sluice.dev/cluster/coredns:1.15.0"

PORT_OFFSETS = {
    "kube-apiserver": 0,
    "etcd": 1,
    "etcd-peer": 2,
    "kube-controller-manager": 3,
    "kube-scheduler": 4,
    "kubelet": 5,
    "kubelet-healthz": 6,
    "kube-proxy-healthz": 7,
    "kube-proxy-metrics": 8,
}
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODE = ("containerd", "kubelet", "kube-proxy")
CONTROL_PLANE_PORTS = ("kube-apiserver", "etcd", "etcd-peer", "kube-controller-manager", "kube-scheduler")

# sun_path holds 107 bytes, and this is the longest socket below a node's state folder. A control plane has none.
STATE_PATH_BYTES_MAX = 107 - len("/kubelet/device-plugins/kubelet.sock")


def default_state():
    """The state folder of who names none; relative to the checkout."""
    return Path(os.path.realpath(CHECKOUT / (os.environ.get(STATE_VARIABLE) or "build/cluster")))


@dataclasses.dataclass(frozen=True)
class Settings:
    """What distinguishes one cluster from another. It is recorded, so that `down` needs no flags but --state."""

    state: Path
    port_base: int = DEFAULT_PORT_BASE
    network: str = DEFAULT_NETWORK
    control_plane_only: bool = False
    hpa_downscale_stabilization: str = DEFAULT_HPA_DOWNSCALE_STABILIZATION
    audit_policy: str = ""  # Path of an audit.k8s.io Policy; none: the API server keeps no audit log.

    def check(self):
        """Raises ClusterError for values no cluster can run with."""
        last_port = self.port_base + max(PORT_OFFSETS.values())
        if self.port_base < 1024 or last_port > 65535:
            highest = 65535 - max(PORT_OFFSETS.values())
            raise ClusterError(f"--port-base {self.port_base} is out of range: 1024 to {highest}")
        if self.port_base <= 32767 and last_port >= 30000:
            raise ClusterError(f"--port-base {self.port_base} overlaps the node ports 30000-32767")
        try:
            block = ipaddress.IPv4Network(self.network)
        except ValueError as error:
            raise ClusterError(f"--network {self.network} is not an IPv4 network: {error}") from error
        if block.prefixlen != 14:
            raise ClusterError(f"--network {self.network} must be a /14, such as {DEFAULT_NETWORK}")
        if not self.control_plane_only and len(os.fsencode(self.state)) > STATE_PATH_BYTES_MAX:
            raise ClusterError(
                f"state folder {self.state} is longer than {STATE_PATH_BYTES_MAX} bytes, "
                f"too long for a node's sockets in it; choose another with --state or {STATE_VARIABLE}"
            )

    def _sixteenth(self, index):
        return list(ipaddress.IPv4Network(self.network).subnets(new_prefix=16))[index]

    @property
    def service_cidr(self):
        return self._sixteenth(1)

    @property
    def cluster_cidr(self):
        """Sources in it keep their address towards Services: pods in the first /24, clients in the upper half."""
        return self._sixteenth(2)

    @property
    def pod_cidr(self):
        return next(self.cluster_cidr.subnets(new_prefix=24))

    @property
    def node_cidr(self):
        return self._sixteenth(3)

    @property
    def node_address(self):
        """One for each port base. Not of 127/8, which the API server refuses to advertise."""
        return str(self.node_cidr[self.port_base])

    @property
    def api_service_address(self):
        return str(self.service_cidr[1])

    @property
    def dns_service_address(self):
        return str(self.service_cidr[10])

    def port(self, name):
        return self.port_base + PORT_OFFSETS[name]

    @property
    def programs(self):
        """Names of the processes that make up this cluster."""
        return CONTROL_PLANE if self.control_plane_only else CONTROL_PLANE + NODE

    def listeners(self):
        """(address, port, program) of everything that will listen, for the check before the start."""
        names = CONTROL_PLANE_PORTS if self.control_plane_only else tuple(PORT_OFFSETS)
        on_node_address = ("kube-apiserver", "kubelet")
        return [
            (self.node_address if name in on_node_address else "127.0.0.1", self.port(name), name) for name in names
        ]

    @property
    def api_url(self):
        return f"https://{self.node_address}:{self.port('kube-apiserver')}"

    @property
    def identity(self):
        """Short name of this state folder, for files outside it."""
        return hashlib.sha256(os.fsencode(self.state)).hexdigest()[:12]

    @property
    def logs(self):
        return self.state / "logs"

    @property
    def audit_log(self):
        return self.logs / "audit.log"

    @property
    def pki(self):
        return self.state / "pki"

    @property
    def config(self):
        return self.state / "config"

    @property
    def kubeconfig(self):
        return self.state / "kubeconfig"

    @property
    def containerd_root(self):
        return self.state / "containerd" / "root"

    @property
    def containerd_state(self):
        return self.state / "containerd" / "state"

    @property
    def containerd_socket(self):
        return self.state / "run" / "containerd.sock"

    @property
    def kubelet_root(self):
        return self.state / "kubelet"

    @property
    def cni(self):
        return self.state / "cni"

    def to_json(self):
        return {**dataclasses.asdict(self), "state": str(self.state)}

    @staticmethod
    def from_json(values):
        return Settings(**{**known_fields(Settings, values), "state": Path(values["state"])})


# What `down` removes from the state folder. Named one by one, so that a wrong --state never costs anybody a file.
RUNTIME_FOLDERS = ("pki", "config", "etcd", "containerd", "kubelet", "cni", "run")


def invoking_user():
    """The user behind sudo, as a pwd entry, or None where there is none."""
    uid = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not uid.isdigit() or int(uid) == 0:
        return None
    try:
        return pwd.getpwuid(int(uid))
    except KeyError:
        return None


def cache_root():
    """${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}, of the user behind sudo if there is one."""
    if os.environ.get("SLUICE_CACHE"):
        return Path(os.environ["SLUICE_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "sluice"
    user = invoking_user()
    if user is not None:
        return Path(user.pw_dir) / ".cache" / "sluice"
    return Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "sluice"
