"""The full node: pods, Services, DNS, images, the HPA, and that it goes without a trace."""

import contextlib
import ipaddress
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from clusters import HERE, cluster, ended_pid, state_folders
from sluice_cluster import cgroups, clients, containerd, host, leftovers, record
from sluice_cluster.settings import Settings
from sluice_cluster.waiting import wait_until

pytestmark = pytest.mark.node

PORT_BASE = 27100
# In the cluster's own range, where kube-proxy leaves sources as they are.
CLIENT_ADDRESS = "10.98.128.2"
HOST_END_ADDRESS = "10.98.128.1"


def run(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def listing(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else None


def loopback_addresses():
    return [entry["local"] for entry in json.loads(run("ip", "-json", "address", "show", "dev", "lo"))[0]["addr_info"]]


def of_another_cluster(address):
    """Control planes of others come and go beside this node."""
    ours = Settings(Path("/any"), PORT_BASE)
    address = ipaddress.ip_address(address)
    return address.version == 4 and address in ours.node_cidr and str(address) != ours.node_address


def host_snapshot():
    """What a cluster touches, seen with other eyes than those of `down`."""
    return {
        "nft tables": run("nft", "list", "tables").splitlines(),
        "veths": sorted(
            link["ifname"] for link in json.loads(run("ip", "-json", "link", "show", "type", "veth") or "[]")
        ),
        "loopback": [address for address in loopback_addresses() if not of_another_cluster(address)],
        "routes": [route["dst"] for route in json.loads(run("ip", "-json", "route"))],
        "sysctls": host.read_sysctls(),
        "ports": Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(),
        "folders": {folder: listing(folder) for folder in (*host.HOST_FOLDERS, "/run/netns", "/etc/cni", "/opt/cni")},
        "cgroups": sorted(str(path) for path in cgroups.ROOT.glob(f"**/{cgroups.NAME}")),
        "mounts": sum("/sluice-" in line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
    }


class Node:
    """A running node with the probe's pods on it."""

    def __init__(self, state, programs, probe):
        self.state = Path(os.path.realpath(state))
        self.probe = probe
        self._kubectl = [programs / "kubectl", f"--kubeconfig={state}/kubeconfig", "--namespace=probe"]

    def kubectl(self, *words):
        return run(*self._kubectl, *words)

    def get(self, *words):
        return json.loads(self.kubectl("get", "-o", "json", *words))

    def pods(self):
        return self.get("pods")["items"]

    def in_pod(self, *words):
        return self.kubectl("exec", "deployment/probe", "--", "/probe", *words)


@contextlib.contextmanager
def running_node(programs, folder):
    """Starts a node with the probe's pods, and takes it down at the end unless that has been done."""
    probe = folder / "probe"
    run("cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", probe, HERE / "testdata" / "probe.c")
    image = folder / "probe.tar"
    words = [
        "--name",
        "sluice.dev/probe:test",
        "--user",
        "65532",
        "--entrypoint",
        "/probe",
        "--binary",
        f"{probe}:/probe",
    ]
    run(sys.executable, HERE / "oci_image.py", *words, "--out", image)
    with state_folders() as make:
        state = make()
        cluster("up", "--state", state, "--port-base", PORT_BASE)
        assert "loaded sluice.dev/probe:test" in cluster("load-image", "--state", state, image).stdout
        node = Node(state, programs, probe)
        node.kubectl("apply", "-f", HERE / "testdata" / "probe.yaml")
        node.kubectl("rollout", "status", "deployment/probe", "--timeout=120s")
        yield node


@pytest.fixture(scope="module")
def node(programs, tmp_path_factory):
    with running_node(programs, tmp_path_factory.mktemp("node")) as running:
        yield running


def make_client(name):
    """A network namespace on a veth pair with the host, as the load generator has."""
    near, far = "sluice-near", "sluice-far"
    run("ip", "netns", "add", name)
    run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
    run("ip", "address", "add", f"{HOST_END_ADDRESS}/32", "dev", near)
    run("ip", "link", "set", near, "up")
    run("ip", "route", "add", f"{CLIENT_ADDRESS}/32", "dev", near)
    run("ip", "-n", name, "address", "add", f"{CLIENT_ADDRESS}/32", "dev", far)
    run("ip", "-n", name, "link", "set", far, "up")
    run("ip", "-n", name, "route", "add", f"{HOST_END_ADDRESS}/32", "dev", far)
    run("ip", "-n", name, "route", "add", "default", "via", HOST_END_ADDRESS)


@contextlib.contextmanager
def client_namespace():
    name = clients.namespace_name("test")
    try:
        make_client(name)
        yield name
    finally:
        run("ip", "netns", "delete", name)


def test_pods_run_from_a_loaded_image_under_restricted_pod_security(node):
    pods = node.pods()
    assert len(pods) >= 2
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}


def test_logs_and_exec_go_through_the_api_server(node):
    assert node.kubectl("logs", "deployment/probe") == "serving on 8080\n"
    assert node.in_pod("limits").startswith("descriptors ")


def test_a_pod_has_room_for_many_connections(node):
    _, descriptors, _, somaxconn = node.in_pod("limits").split()
    assert int(descriptors) >= resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert somaxconn == "65535"


def test_the_host_reaches_pods_and_services(node):
    names = {pod["metadata"]["name"] for pod in node.pods()}
    for pod in node.pods():
        answer = run(node.probe, "get", pod["status"]["podIP"], 8080)
        assert answer.split()[0] == pod["metadata"]["name"]
    address = node.get("service", "probe")["spec"]["clusterIP"]
    assert run(node.probe, "get", address, 80).split()[0] in names


@pytest.mark.parametrize("name", ["probe", "probe.probe", "probe.probe.svc.cluster.local"])
def test_pods_reach_a_service_by_its_names(node, name):
    names = {pod["metadata"]["name"] for pod in node.pods()}
    assert node.in_pod("get", name, "80").split()[0] in names


def test_pods_reach_the_api_server_through_its_service(node):
    node.in_pod("connect", "kubernetes.default.svc.cluster.local", "443")


def test_a_client_in_a_namespace_of_its_own_reaches_services_by_its_own_address(node):
    address = node.get("service", "probe")["spec"]["clusterIP"]
    with client_namespace() as name:
        answer = run("ip", "netns", "exec", name, node.probe, "get", address, 80)
    assert answer.split()[1] == CLIENT_ADDRESS


def test_the_hpa_controller_scales(node):
    wait_until(lambda: len(node.pods()) >= 3, "the HPA's third pod", 60)


def test_a_second_node_is_refused(node):
    refused = cluster("up", "--state", f"{node.state}-second", "--port-base", PORT_BASE + 20, check=False)
    assert refused.returncode == 1
    assert (
        f"the node of this machine with other settings runs already; first: cluster down --state {node.state}"
        in refused.stdout
    )


def test_a_tar_that_is_no_image_is_refused(node, tmp_path):
    (tmp_path / "x.tar").write_bytes(b"\0" * 10240)
    refused = cluster("load-image", "--state", node.state, tmp_path / "x.tar", check=False)
    assert refused.returncode == 1
    assert "cannot be imported" in refused.stdout or "holds no image" in refused.stdout


def test_down_after_a_crash_of_containerd_and_kubelet_leaves_the_host_as_it_was(node, programs, tmp_path):
    cluster("down", "--state", node.state)
    before = host_snapshot()
    with running_node(programs, tmp_path) as second:
        known = record.load(Settings(second.state))
        sockets = containerd.shim_sockets(known.settings, cgroups.pids())
        assert sockets
        make_client(f"sluice-load-{ended_pid()}")
        for name in ("containerd", "kubelet"):
            os.kill(known.processes()[name].pid, signal.SIGKILL)
        assert "nothing is left" in cluster("down", "--state", second.state).stdout
        assert leftovers.remaining(known) == []
        assert not [path for path in sockets if path.exists()]
        assert cgroups.pids() == set()
    assert host_snapshot() == before
