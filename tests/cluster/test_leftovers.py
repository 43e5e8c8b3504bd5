"""What killed programs leave behind and the next start has to get rid of, with the real `ip` and `nft`.

The functions that have no `test_` run where they have the network and the process table to themselves.
"""

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from clusters import alone, ended_pid
from sluice_cluster import cgroups, clients, network, predecessors, processes, record
from sluice_cluster.errors import ClusterError
from sluice_cluster.settings import CHECKOUT, Settings
from sluice_cluster.waiting import wait_until

SETTINGS = Settings(Path("/nowhere"))


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True)


def netns():
    return sorted(each["name"] for each in network.ip_json("netns", "list"))


def veths():
    return sorted(link["ifname"] for link in network.ip_json("link", "show", "type", "veth"))


def client(namespace, interface, address):
    """A namespace with a pair to the host, as load generator and tests make them."""
    ip("netns", "add", namespace)
    ip("link", "add", interface, "type", "veth", "peer", "name", "far", "netns", namespace)
    ip("address", "add", address, "dev", interface)
    ip("link", "set", interface, "up")


def refusal(settings):
    with pytest.raises(ClusterError) as refused:
        predecessors.check_free(settings)
    return str(refused.value)


def clients_of_ended_processes_go_and_others_stay():
    ticks = processes.start_ticks(os.getpid())
    ours = clients.namespace_name("load")
    client(ours, "living", "10.98.255.1/24")
    client(f"sluice-load-{ended_pid()}-7", "dead0", "10.98.254.1/24")
    client(f"sluice-{ended_pid()}", "dead1", "10.98.253.1/24")
    client(f"sluice-load-{os.getpid()}-{ticks - 1}", "reused", "10.98.252.1/24")  # our pid, another time
    client(f"sluice-load-{ended_pid()}-8", "elsewhere", "10.18.255.1/24")  # for a cluster with another --network
    client("sluice-vpn", "foreign", "192.0.2.1/24")
    clients.remove_abandoned(SETTINGS)
    assert (netns(), veths()) == (sorted([ours, "sluice-vpn"]), ["foreign", "living"])
    assert clients.remaining(SETTINGS) == ["interface living (of a client)"]
    assert refusal(SETTINGS).endswith("where that is a leftover: ip link delete living")
    clients.remove_for(SETTINGS)
    assert (netns(), veths()) == (sorted([ours, "sluice-vpn"]), ["foreign"])
    assert clients.remaining(SETTINGS) == []
    predecessors.check_free(SETTINGS)


@contextlib.contextmanager
def process_in(namespace):
    with subprocess.Popen(["ip", "netns", "exec", namespace, "sleep", "infinity"]) as process:
        comm = Path(f"/proc/{process.pid}/comm")
        try:
            wait_until(lambda: comm.read_text() == "sleep\n", "a process in the namespace", 30)
            yield
        finally:
            process.kill()


def a_client_that_is_still_in_its_namespace_holds_nobody_up():
    named, nameless = (f"sluice-load-{ended_pid()}-{number}" for number in (7, 8))
    client(named, "pair", "10.98.255.1/24")
    client(nameless, "other", "10.98.254.1/24")
    with process_in(named), process_in(nameless):
        ip("netns", "delete", nameless)
        assert veths() == ["other", "pair"]
        predecessors.check_free(SETTINGS)
        assert (netns(), veths()) == ([], [])


DEMO = """
import pathlib, signal
from sluice_cluster.settings import CHECKOUT, Settings
from sluice_demo.netns import LoadNamespace
with LoadNamespace(Settings(pathlib.Path("/nowhere"))):
    print("there", flush=True)
    signal.pause()
"""


def a_killed_demo_is_in_the_way_neither_of_a_node_nor_of_the_next_demo():
    folders = f"{CHECKOUT}/bench/demo:{CHECKOUT}/tests/cluster"
    words = [sys.executable, "-B", "-c", DEMO]
    left = []
    for _ in range(2):
        with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": folders}, stdout=subprocess.PIPE) as demo:
            demo.stdout.readline()
            left.append((netns(), veths()))
            demo.kill()
    # Of the second demo alone, then of none.
    assert [(len(names), len(pairs)) for names, pairs in left] == [(1, 1), (1, 1)]
    assert left[0] != left[1]
    predecessors.check_free(SETTINGS)
    assert (netns(), veths()) == ([], [])


def node_without_a_record():
    ip("address", "add", "10.99.103.32/32", "dev", "lo")
    ip("route", "add", "10.97.0.0/16", "dev", "lo", "src", "10.99.103.32")
    for family in ("ip", "ip6"):
        subprocess.run(["nft", "add", "table", family, "kube-proxy"], check=True)
    ip("link", "add", "vethpod", "type", "veth", "peer", "name", "far")
    ip("address", "add", "10.98.0.1/32", "dev", "vethpod")


def a_node_without_a_record_is_removed():
    node_without_a_record()
    predecessors.check_free(SETTINGS)
    assert network.kube_proxy_tables() == veths() == network.service_routes(SETTINGS) == []
    assert not network.has_node_address(SETTINGS)


@contextlib.contextmanager
def kube_proxy():
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen([shutil.copy(shutil.which("sleep"), f"{folder}/kube-proxy"), "infinity"]) as process:
            try:
                wait_until(lambda: processes.named("kube-proxy"), "a process of that name", 30)
                yield
            finally:
                process.kill()


@contextlib.contextmanager
def process_of_another_pid_namespace():
    group = cgroups.ROOT / "pids" / cgroups.NAME
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("0\n")
    with mock.patch.object(cgroups, "_hierarchies", lambda: [group.parent]):
        yield
    shutil.rmtree(group)


@contextlib.contextmanager
def record_of_a_node():
    state = Path("/run/elsewhere")
    state.mkdir()
    known = record.Record(Settings(state), processes.boot_id(), {}, [], [])
    known.save()
    yield
    known.forget()


def a_node_without_a_record_that_may_live_is_left_alone():
    node_without_a_record()
    api_server = functools.partial(socket.create_server, ("10.99.103.32", 0))
    for sign_of_life in (kube_proxy, process_of_another_pid_namespace, api_server, record_of_a_node):
        with sign_of_life():
            assert refusal(SETTINGS).endswith("where that is a leftover: ip route delete 10.97.0.0/16 dev lo")
    predecessors.check_free(SETTINGS)


def what_does_not_bear_our_mark_is_named_with_its_command():
    ip("route", "add", "10.97.0.0/16", "dev", "lo")
    assert refusal(SETTINGS).endswith("where that is a leftover: ip route delete 10.97.0.0/16 dev lo")
    ip("route", "delete", "10.97.0.0/16", "dev", "lo")
    subprocess.run(["nft", "add", "table", "ip", "kube-proxy"], check=True)
    assert refusal(SETTINGS).endswith("or, where none does: nft delete table ip kube-proxy")
    subprocess.run(["nft", "delete", "table", "ip", "kube-proxy"], check=True)
    ip("address", "add", "10.99.103.32/32", "dev", "lo")
    assert refusal(SETTINGS).endswith("where that is a leftover: ip address delete 10.99.103.32/32 dev lo")
    ip("address", "delete", "10.99.103.32/32", "dev", "lo")
    predecessors.check_free(SETTINGS)


@pytest.mark.parametrize(
    "body",
    [
        clients_of_ended_processes_go_and_others_stay,
        a_client_that_is_still_in_its_namespace_holds_nobody_up,
        a_killed_demo_is_in_the_way_neither_of_a_node_nor_of_the_next_demo,
        a_node_without_a_record_is_removed,
        a_node_without_a_record_that_may_live_is_left_alone,
        what_does_not_bear_our_mark_is_named_with_its_command,
    ],
    ids=lambda body: body.__name__.replace("_", " "),
)
def test_leftovers(body):
    alone(body)
