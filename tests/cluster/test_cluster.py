"""Control planes: start, stop, crash, side by side, and what is said where one cannot run."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from clusters import CLUSTER, cluster, ended_pid
from sluice_cluster import leftovers, processes, record
from sluice_cluster.settings import Settings, cache_root

PORT_BASE = 27000


def up(state, *words, port_base=PORT_BASE, check=True):
    return cluster("up", "--control-plane-only", "--state", state, "--port-base", port_base, *words, check=check)


def run_kubectl(programs, state, *words):
    command = [programs / "kubectl", f"--kubeconfig={state}/kubeconfig", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def kubectl(programs, state, *words):
    done = run_kubectl(programs, state, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings_of(state):
    return Settings(Path(os.path.realpath(state)))


def kill(state, name):
    """Ends one of a cluster's processes as a crash would."""
    process = record.load(settings_of(state)).processes()[name]
    with_descriptor = os.pidfd_open(process.pid)
    try:
        os.kill(process.pid, signal.SIGKILL)
        processes._await_exit(with_descriptor, process, 10)
    finally:
        os.close(with_descriptor)


def test_a_control_plane_comes_up_serves_and_leaves_nothing(programs, state_folder):
    state = state_folder()
    started = up(state)
    assert "control plane ready in" in started.stdout
    assert kubectl(programs, state, "get", "--raw", "/readyz") == "ok"
    kubectl(programs, state, "create", "configmap", "x", "--from-literal=a=b")
    assert cluster("kubeconfig", "--state", state).stdout.strip() == f"{settings_of(state).state}/kubeconfig"
    assert cluster("status", "--state", state).returncode == 0

    again = up(state)
    assert "runs already" in again.stdout
    assert kubectl(programs, state, "get", "configmap", "x", "-o", "name").strip() == "configmap/x"

    known = record.load(settings_of(state))
    assert "nothing is left" in cluster("down", "--state", state).stdout
    assert leftovers.remaining(known) == []
    assert not known.folder.exists()
    assert "no cluster runs" in cluster("down", "--state", state).stdout
    assert cluster("status", "--state", state, check=False).returncode == 3


def test_pod_security_and_rbac_are_in_force(programs, state_folder):
    state = state_folder()
    up(state)
    kubectl(programs, state, "label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted")
    refused = run_kubectl(programs, state, "run", "x", "--image=x", "--privileged")
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr
    refused = run_kubectl(programs, state, "get", "secrets", "--as=system:serviceaccount:default:default")
    assert 'cannot list resource "secrets"' in refused.stderr


def test_two_control_planes_run_side_by_side(programs, state_folder):
    first, second = state_folder(), state_folder()
    up(first)
    up(second, port_base=PORT_BASE + 20)
    kubectl(programs, first, "create", "configmap", "only-here")
    names = kubectl(programs, second, "get", "configmap", "-o", "name")
    assert "only-here" not in names
    refused = up(state_folder(), check=False)
    assert f"the cluster in {settings_of(first).state} has the address" in refused.stdout
    cluster("down", "--state", first)
    assert kubectl(programs, second, "get", "--raw", "/readyz") == "ok"


@pytest.mark.parametrize("crashed", ["etcd", "kube-apiserver"])
def test_up_after_a_crash_tidies_up_and_starts_anew(programs, state_folder, crashed):
    state = state_folder()
    up(state)
    kill(state, crashed)
    assert cluster("status", "--state", state, check=False).returncode == 1
    started = up(state)
    assert "tidying up after a cluster that ended without" in started.stdout
    assert kubectl(programs, state, "get", "--raw", "/readyz") == "ok"
    assert (state / "logs.previous" / f"{crashed}.log").exists()


def test_down_works_after_the_state_folder_was_removed(state_folder):
    state = state_folder()
    up(state)
    known = record.load(settings_of(state))
    subprocess.run(["rm", "-rf", state], check=True)
    cluster("down", "--state", state)
    assert leftovers.remaining(known) == []


def test_up_after_a_reboot_tidies_up_and_starts_anew(state_folder):
    state = state_folder()
    up(state)
    known = record.load(settings_of(state))
    values = json.loads((state / "cluster.json").read_text())
    cluster("down", "--state", state)
    # What a reboot leaves: files, a record of another boot, and nothing in /run.
    for name in ("pki", "etcd"):
        (state / name).mkdir()
        (state / name / "old").touch()
    (state / "cluster.json").write_text(json.dumps({**values, "boot_id": "another"}))
    assert "tidying up after a cluster that ended without" in up(state).stdout
    cluster("down", "--state", state)
    assert leftovers.remaining(known) == []


def test_other_settings_need_a_down_first(state_folder):
    state = state_folder()
    up(state)
    refused = up(state, "--hpa-downscale-stabilization", "1m", check=False)
    assert refused.returncode == 1
    assert f"runs already; first: cluster down --state {settings_of(state).state}" in refused.stdout


def process_record(state, name):
    return record.RUN_DIR / settings_of(state).identity / "processes" / f"{name}.json"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_up_leaves_nothing(state_folder, number):
    state = state_folder()
    words = [sys.executable, CLUSTER, "up", "--control-plane-only", "--state", state, "--port-base", str(PORT_BASE)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as starting:
        while not process_record(state, "etcd").exists():
            assert starting.poll() is None, starting.stdout.read()
        known = record.load(settings_of(state))
        starting.send_signal(number)
        output = starting.stdout.read()
    assert starting.returncode == 1
    assert output.splitlines()[-1] == "cluster: interrupted"
    assert leftovers.remaining(known) == []
    assert record.load(settings_of(state)) is None


def test_an_up_whose_terminal_goes_away_leaves_nothing(state_folder):
    state = state_folder()
    ours, terminal = os.openpty()
    words = [sys.executable, CLUSTER, "up", "--control-plane-only", "--state", state, "--port-base", str(PORT_BASE)]
    with subprocess.Popen(
        words,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # makes it the terminal that can be lost
    ) as starting:
        os.close(terminal)
        while not process_record(state, "etcd").exists():
            assert starting.poll() is None
        known = record.load(settings_of(state))
        os.close(ours)
        assert starting.wait() == 1
    assert leftovers.remaining(known) == []
    assert record.load(settings_of(state)) is None


def test_a_cluster_whose_owner_was_killed_is_tidied_up_by_the_next_up(monkeypatch, state_folder):
    first, second = state_folder(), state_folder()
    with subprocess.Popen(["sleep", "infinity"]) as owner:
        monkeypatch.setenv(record.OWNER_VARIABLE, str(owner.pid))
        up(first)
        assert "runs already" in up(first).stdout
        assert cluster("status", "--state", first).returncode == 0
        owner.kill()
    shown = cluster("status", "--state", first, check=False)
    assert shown.returncode == 1
    assert f"owner                    ended    pid {owner.pid}" in shown.stdout
    known = record.load(settings_of(first))
    monkeypatch.delenv(record.OWNER_VARIABLE)
    told = f"tidying up after process {owner.pid}, which ended without taking down {settings_of(first).state}"
    assert told in up(second).stdout
    # The second has the address that the first had.
    assert leftovers.remaining(known) == [f"address {known.settings.node_address}"]
    assert cluster("status", "--state", second).returncode == 0


def test_an_owner_must_run(monkeypatch, state_folder):
    gone = ended_pid()
    monkeypatch.setenv(record.OWNER_VARIABLE, str(gone))
    refused = up(state_folder(), check=False)
    assert f"{record.OWNER_VARIABLE} is {gone}, and no process with that pid runs; unset it" in refused.stdout


def test_a_control_plane_of_another_folder_that_ended_gives_its_address_up(state_folder):
    first, second = state_folder(), state_folder()
    up(first)
    known = record.load(settings_of(first))
    processes.kill_all(known.processes().values())
    assert "tidying up after a cluster that ended without" in up(second).stdout
    assert record.load(settings_of(first)) is None
    assert leftovers.remaining(known) == [f"address {known.settings.node_address}"]


def test_a_control_plane_that_somebody_is_starting_is_left_to_him(state_folder):
    first, second = state_folder(), state_folder()
    up(first)
    known = record.load(settings_of(first))
    processes.kill_all(known.processes().values())
    with record.locked(known.settings):
        refused = up(second, check=False)
    assert f"the cluster in {known.settings.state} has the address" in refused.stdout
    assert record.load(settings_of(first)) == known


def test_under_sudo_what_stays_of_a_cluster_is_the_users(monkeypatch, state_folder):
    monkeypatch.setenv("SLUICE_CACHE", str(cache_root()))
    monkeypatch.setenv("SUDO_UID", "65534")
    state = state_folder()
    up(state)
    assert (state / "pki" / "ca.key").stat().st_uid == 0
    cluster("down", "--state", state)
    left = [state, *state.rglob("*")]
    assert state / "logs" / "etcd.log" in left
    assert {path.lstat().st_uid for path in left} == {65534}


def test_a_taken_port_is_named_with_its_owner(state_folder):
    state = state_folder()
    with socket.create_server(("127.0.0.1", PORT_BASE + 3)):
        refused = up(state, check=False)
    assert refused.returncode == 1
    owner = f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
    needed = f"port {PORT_BASE + 3}, which kube-controller-manager needs"
    assert refused.stdout == f"cluster: {needed}, is taken by {owner}; choose other ports with --port-base\n"


def test_a_program_that_ends_during_the_start_is_named_with_its_last_words(state_folder):
    state = state_folder()
    refused = up(state, "--hpa-downscale-stabilization", "soon", check=False)
    assert refused.returncode == 1
    assert "kube-controller-manager ended during the start; last words in" in refused.stdout
    assert record.load(settings_of(state)) is None


def test_without_root_it_says_so():
    """In a child that gives root up after everything is imported: others need not be able to read the checkout."""
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from sluice_cluster import cli\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(cli.main(['up']))"
    )
    refused = subprocess.run(
        [sys.executable, "-c", program, CLUSTER.parent], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "must run as root" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_folder_with_something_else_in_it_is_not_taken(state_folder):
    state = state_folder()
    (state / "thesis.txt").write_text("years of work")
    refused = up(state, check=False)
    assert refused.returncode == 1
    assert "is not empty and not of a cluster" in refused.stdout
    assert (state / "thesis.txt").exists()


def test_a_control_plane_takes_no_images(state_folder, tmp_path):
    state = state_folder()
    up(state)
    refused = cluster("load-image", "--state", state, tmp_path / "x.tar", check=False)
    assert refused.returncode == 1
    assert "runs no pods" in refused.stdout


def test_the_hpa_flags_reach_the_controller_manager(programs, state_folder):
    state = state_folder()
    up(state, "--hpa-downscale-stabilization", "42s")
    process = record.load(settings_of(state)).processes()["kube-controller-manager"]
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
    assert "--horizontal-pod-autoscaler-downscale-stabilization=42s" in command
    served = json.loads(kubectl(programs, state, "get", "--raw", "/apis/autoscaling/v2"))
    assert "horizontalpodautoscalers" in [resource["name"] for resource in served["resources"]]
