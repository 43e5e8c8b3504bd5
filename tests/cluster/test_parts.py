"""Parts of the package by themselves."""

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sluice_cluster import cgroups, control_plane, go, host, mounts, network, ownership, processes
from sluice_cluster.errors import ClusterError
from sluice_cluster.settings import CHECKOUT, STATE_PATH_BYTES_MAX, Settings, cache_root, default_state

STATE = Path("/state")
LONG = Path("/" + "x" * STATE_PATH_BYTES_MAX)


@pytest.mark.parametrize(
    ("name", "settings", "complaint"),
    [
        ("ports below 1024 are root's", Settings(STATE, port_base=80), "--port-base 80 is out of range"),
        ("ports end at 65535", Settings(STATE, port_base=65530), "--port-base 65530 is out of range"),
        ("node ports are kube-proxy's", Settings(STATE, port_base=29995), "overlaps the node ports"),
        ("a network is a network", Settings(STATE, network="10.96.0.1/14"), "is not an IPv4 network"),
        ("a network has four parts", Settings(STATE, network="10.0.0.0/8"), "must be a /14"),
        ("sockets have short names", Settings(LONG), "choose another with --state or SLUICE_CLUSTER_STATE"),
    ],
)
def test_settings_that_cannot_work_are_refused(name, settings, complaint):
    with pytest.raises(ClusterError, match=complaint):
        settings.check()


def test_a_control_plane_has_no_sockets_and_takes_any_folder():
    Settings(LONG, control_plane_only=True).check()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, CHECKOUT / "build" / "cluster"),
        ({"SLUICE_CLUSTER_STATE": "/a"}, Path("/a")),
        ({"SLUICE_CLUSTER_STATE": "b"}, CHECKOUT / "b"),
    ],
)
def test_the_state_folder_is_where_the_environment_says(monkeypatch, environment, folder):
    monkeypatch.setattr(os, "environ", environment)
    assert default_state() == folder


def test_clusters_side_by_side_share_no_address_and_no_port():
    first, second = (Settings(STATE, port_base=base, control_plane_only=True) for base in (26400, 26420))
    assert first.node_address != second.node_address
    assert not {port for _, port, _ in first.listeners()} & {port for _, port, _ in second.listeners()}


def test_settings_come_back_from_the_record_as_they_were():
    settings = Settings(STATE, 26420, "10.16.0.0/14", True, "1m", "/policy.yaml")
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"SLUICE_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/sluice"),
        ({"HOME": "/c"}, "/c/.cache/sluice"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, environment, folder):
    monkeypatch.setattr(os, "environ", environment)
    assert cache_root() == Path(folder)


def test_folders_that_root_makes_for_a_user_are_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("SUDO_UID", "65534")
    ownership.make_folder(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "file").touch()
    (tmp_path / "a" / "b" / "link").symlink_to(tmp_path)
    assert [(tmp_path / name).stat().st_uid for name in (".", "a", "a/b", "a/b/file")] == [0, 65534, 65534, 0]
    ownership.give_tree(tmp_path / "a")
    assert [(tmp_path / name).lstat().st_uid for name in (".", "a", "a/b/file", "a/b/link")] == [0, 65534, 65534, 65534]


def fake_go(folder, version):
    folder.mkdir(parents=True)
    (folder / "go").write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    (folder / "go").chmod(0o755)
    return str(folder / "go")


@pytest.mark.parametrize(
    ("name", "versions", "toolchain", "chosen", "environment"),
    [
        ("new enough is used as it is", ["1.26.8"], None, 0, {}),
        ("a later one that is new enough beats an older first one", ["1.19.8", "1.27.0"], None, 1, {}),
        ("a patch too old fetches", ["1.26.2"], None, 0, {"GOTOOLCHAIN": "auto"}),
        ("a patch too old gives way to the next", ["1.26.2", "1.26.7"], None, 1, {}),
        ("1.23 fetches what go.mod names", ["1.19.8", "1.23.4"], None, 1, {"GOTOOLCHAIN": "auto"}),
        ("but not against the user's word", ["1.23.4"], "local", 0, {}),
    ],
)
def test_the_go_that_can_build_is_found(monkeypatch, tmp_path, name, versions, toolchain, chosen, environment):
    candidates = [fake_go(tmp_path / str(index), version) for index, version in enumerate(versions)]
    monkeypatch.setattr(go, "_candidates", lambda: candidates)
    monkeypatch.setattr(go, "required_version", lambda: (1, 26, 7))
    monkeypatch.delenv("GOTOOLCHAIN", raising=False)
    if toolchain:
        monkeypatch.setenv("GOTOOLCHAIN", toolchain)
    assert go.find() == (candidates[chosen], environment)


@pytest.mark.parametrize("versions", [[], ["1.19.8"]])
def test_without_a_go_that_can_build_the_remedy_is_named(monkeypatch, tmp_path, versions):
    candidates = [fake_go(tmp_path / str(index), version) for index, version in enumerate(versions)]
    monkeypatch.setattr(go, "_candidates", lambda: candidates)
    with pytest.raises(ClusterError, match="golang-1.23 from bookworm-backports"):
        go.find()


def holding_process():
    """A process that stays until it is killed or its input is closed."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def recorded(process):
    return processes.ProcessRecord("sleeper", process.pid, processes.start_ticks(process.pid), processes.boot_id())


def test_a_process_is_ended_by_its_record():
    with holding_process() as process:
        record = recorded(process)
        assert processes.is_alive(record)
        processes.kill_all([record])
        assert not processes.is_alive(record)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("another process got the pid", lambda record: dataclasses.replace(record, start_ticks=record.start_ticks - 1)),
        ("the machine was rebooted", lambda record: dataclasses.replace(record, boot_id="another")),
    ],
)
def test_a_process_that_only_has_the_pid_of_ours_is_left_alone(name, change):
    with holding_process() as process:
        stranger = change(recorded(process))
        assert not processes.is_alive(stranger)
        processes.kill_all([stranger])
        assert process.poll() is None


def test_a_pid_that_a_thread_has_by_now_is_gone():
    ids, started, ended = [], threading.Event(), threading.Event()

    def stay():
        ids.append(threading.get_native_id())
        started.set()
        ended.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    try:
        started.wait()
        record = processes.ProcessRecord("etcd", ids[0], processes.start_ticks(ids[0]), processes.boot_id())
        processes.kill_all([record])
        assert thread.is_alive()
    finally:
        ended.set()


def test_records_come_back_from_their_folder(tmp_path):
    with holding_process() as process:
        processes.save(recorded(process), tmp_path)
        (tmp_path / "torn.json").write_text('{"name": "to')
        assert processes.load_all(tmp_path) == {"sleeper": recorded(process)}


def test_a_program_that_ends_at_once_is_reported_with_its_last_words(tmp_path):
    log = tmp_path / "log"
    log.write_text("first\nno such flag: --x\n\n")
    assert processes.last_words(log) == "no such flag: --x"
    assert processes.last_words(tmp_path / "absent") == "(no log)"


def test_mount_points_with_blanks_are_read_as_they_are():
    assert mounts._unescape(r"/a\040b\134c") == "/a b\\c"


def test_a_v2_cgroup_hands_its_controllers_down(monkeypatch, tmp_path):
    for group in (tmp_path, tmp_path / cgroups.NAME):
        group.mkdir(exist_ok=True)
        (group / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    cgroups.check()
    assert cgroups.create() == [tmp_path / cgroups.NAME / "node"]
    for group in (tmp_path, tmp_path / cgroups.NAME):
        assert (group / "cgroup.subtree_control").read_text() == "+cpuset +cpu +memory +pids"


def test_processes_of_other_pid_namespaces_are_not_taken_for_our_own_group(monkeypatch, tmp_path):
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / cgroups.NAME / "node").mkdir(parents=True)
    (tmp_path / cgroups.NAME / "node" / "cgroup.procs").write_text("0\n4711\n0\n")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    assert cgroups.pids() == {4711}


def test_missing_cgroup_controllers_are_named(monkeypatch, tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu pids\n")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    with pytest.raises(ClusterError, match="no memory cgroup controller"):
        cgroups.check()


def test_missing_programs_are_named_with_their_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ClusterError, match="no ip, openssl on this machine; on Debian: apt-get install iproute2 openssl"
    ):
        host.check_programs(control_plane_only=True)
    with pytest.raises(ClusterError, match="no containerd, .*apt-get install conntrack containerd iproute2"):
        host.check_programs(control_plane_only=False)


NO_OTHER_BLOCK = "choose another block with --network, or, where that is a leftover"


@pytest.mark.parametrize(
    ("name", "route", "complaint"),
    [
        ("elsewhere is fine", {"dst": "192.0.2.0/24", "dev": "eth0"}, None),
        ("the default route is fine", {"dst": "default", "dev": "eth0"}, None),
        (
            "a VPN over all of 10/8 is not",
            {"dst": "10.0.0.0/8", "dev": "tun0"},
            f"already routed to 10.0.0.0/8 dev tun0; {NO_OTHER_BLOCK}: ip route delete 10.0.0.0/8 dev tun0",
        ),
        (
            "nor is one address of the pods",
            {"dst": "10.98.0.7", "dev": "x0"},
            f"already routed to 10.98.0.7 dev x0; {NO_OTHER_BLOCK}: ip link delete x0",
        ),
        (
            "nor is a route in a table of its own",
            {"dst": "10.97.0.0/16", "dev": "lo", "table": "51"},
            f"already routed to 10.97.0.0/16 dev lo; {NO_OTHER_BLOCK}: ip route delete 10.97.0.0/16 dev lo table 51",
        ),
    ],
)
def test_networks_in_use_are_refused_with_the_command_that_frees_them(monkeypatch, name, route, complaint):
    monkeypatch.setattr(network, "ip_json", lambda *words: [route] if "route" in words else [{"ifname": "x0"}])
    monkeypatch.setattr(network, "kube_proxy_tables", list)
    if complaint is None:
        network.check_free(Settings(STATE))
        return
    with pytest.raises(ClusterError, match=f"{complaint}$"):
        network.check_free(Settings(STATE))


def test_rules_of_another_node_are_refused_with_the_command_that_removes_them(monkeypatch):
    monkeypatch.setattr(network, "ip_json", lambda *words: [])
    monkeypatch.setattr(network, "kube_proxy_tables", lambda: ["ip kube-proxy", "ip6 kube-proxy"])
    removal = "nft delete table ip kube-proxy && nft delete table ip6 kube-proxy"
    with pytest.raises(ClusterError, match=f"or, where none does: {removal}$"):
        network.check_free(Settings(STATE))


def test_an_audit_log_is_kept_only_where_a_policy_asks_for_it():
    without, kept = Settings(STATE), Settings(STATE, audit_policy="/policy.yaml")
    assert not [word for word in control_plane.kube_apiserver(without) if "audit" in word]
    words = control_plane.kube_apiserver(kept)
    assert {"--audit-policy-file=/policy.yaml", "--audit-log-path=/state/logs/audit.log"} <= set(words)
