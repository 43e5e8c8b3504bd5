"""up, down and status: the order in which things happen."""

import concurrent.futures
import functools
import os
import shutil
import time

from . import (
    addons,
    build,
    cgroups,
    containerd,
    control_plane,
    host,
    images,
    interrupts,
    leftovers,
    network,
    node,
    ownership,
    pki,
    predecessors,
    processes,
    record,
)
from .errors import ClusterError
from .progress import say
from .settings import NODE_NAME
from .waiting import wait_until

# Far above what it takes, also on a machine that compiles at the same time.
DEADLINE_S = 120

# Exit codes of `status`.
STATUS_RUNS = 0
STATUS_BROKEN = 1
STATUS_NOTHING = 3


def up(settings):
    """Starts a cluster and returns when it is ready; does nothing if it already runs."""
    settings.check()
    host.check_root()
    host.check_programs(settings.control_plane_only)
    if not settings.control_plane_only:
        cgroups.check()
        containerd.cni_programs()
    cache = build.ensure()
    build.check_complete(cache)
    with record.locked(settings):
        if predecessors.wanted_one_runs(settings):
            return
        predecessors.check_free(settings)
        try:
            with interrupts.held_back():
                Start(_remember(settings), cache).run()
        except BaseException:
            _give_up(settings)
            raise


def _give_up(settings):
    """Takes back what was done, which is nothing where no record was written."""
    with interrupts.held_back():
        known = record.load(settings)
        if known is not None:
            say(f"giving up; the logs are in {settings.logs}")
            leftovers.remove(known)


def _remember(settings):
    """Prepares the state folder and writes down what will have to be undone, before anything is done."""
    _own_folder(settings)
    rules = [] if settings.control_plane_only else network.needed_forward_rules(settings)
    sysctls = {} if settings.control_plane_only else host.read_sysctls()
    folders = [] if settings.control_plane_only else host.absent_folders()
    known = record.Record(settings, processes.boot_id(), sysctls, folders, rules, record.owner_from_environment())
    known.save()
    try:
        network.add_node_address(settings)
    except ClusterError:
        # Somebody took it since we looked; tidying up would take it from them.
        known.forget()
        raise
    return known


def _own_folder(settings):
    """Makes the state folder or takes over an earlier cluster's, whose logs are kept once more."""
    state = settings.state
    marker = state / "sluice-cluster"
    if state.exists() and not marker.exists() and any(state.iterdir()):
        raise ClusterError(f"{state} is not empty and not of a cluster; choose another folder with --state")
    ownership.make_folder(state)
    marker.write_text("State folder of tests/cluster/cluster.\n")
    previous = state / "logs.previous"
    if settings.logs.exists():
        shutil.rmtree(previous, ignore_errors=True)
        settings.logs.rename(previous)
    for folder in (settings.logs, settings.config):
        folder.mkdir(exist_ok=True)


class Start:
    """One start of a cluster. The control plane and containerd come up at once; the node's rest needs both."""

    def __init__(self, known, cache):
        self._known = known
        self._settings = known.settings
        self._cache = cache
        self._began = time.monotonic()
        self._processes = {}
        self._cgroups = ()

    def run(self):
        settings = self._settings
        if settings.control_plane_only:
            pki.create(settings)
            self._start_control_plane()
            self._say_ready("control plane ready")
        else:
            self._run_node()
        say(f"kubeconfig: {settings.kubeconfig}")

    def _run_node(self):
        settings = self._settings
        self._cgroups = cgroups.create()
        host.forward_packets()
        network.add_service_route(settings)
        network.configure_cni(settings)
        containerd.configure(settings)
        network.add_forward_rules(self._known.forward_rules)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runtime = pool.submit(self._start_containerd)
            pki.create(settings)
            node.configure(settings)
            self._start_control_plane(on_api=lambda: self._start("kube-proxy", node.kube_proxy(settings)))
            self._say_ready("control plane ready")
            addons.apply(settings)
            runtime.result()
            self._start("kubelet", node.kubelet(settings))
            self._wait("kubelet", functools.partial(node.node_ready, settings))
            self._wait("kube-proxy", functools.partial(node.kube_proxy_ready, settings))
        self._say_ready(f"node {NODE_NAME} Ready")
        host.raise_conntrack_limit(self._known.sysctls)
        self._known.save()
        self._wait("kubelet", functools.partial(addons.dns_ready, settings), "CoreDNS")
        self._say_ready("DNS ready")

    def _start_containerd(self):
        """Also loads the images, which the kubelet wants from its first pod on."""
        settings = self._settings
        self._start("containerd", containerd.command(settings))
        self._wait("containerd", functools.partial(containerd.ready, settings))
        for image in images.write(self._cache / "bin", settings.state / "run" / "images"):
            containerd.load_image(settings, image)

    def _start_control_plane(self, on_api=lambda: None):
        """etcd and the API server at once, since the one waits for the other; the rest would end without them."""
        settings = self._settings
        self._start("etcd", control_plane.etcd(settings))
        self._start("kube-apiserver", control_plane.kube_apiserver(settings))
        self._wait("etcd", functools.partial(control_plane.etcd_ready, settings))
        self._wait("kube-apiserver", functools.partial(control_plane.kube_apiserver_ready, settings))
        self._start("kube-controller-manager", control_plane.kube_controller_manager(settings))
        self._start("kube-scheduler", control_plane.kube_scheduler(settings))
        on_api()
        self._wait("kube-controller-manager", functools.partial(control_plane.kube_controller_manager_ready, settings))
        self._wait("kube-scheduler", functools.partial(control_plane.kube_scheduler_ready, settings))

    def _start(self, name, command):
        settings = self._settings
        words = [self._cache / "bin" / command[0], *command[1:]]  # containerd's absolute path stays as it is
        log = settings.logs / f"{name}.log"
        interrupts.check()
        process = processes.spawn(name, words, log, settings.state, self._cgroups)
        processes.save(process, self._known.process_folder)
        self._processes[name] = process

    def _wait(self, name, check, what=None):
        wait_until(check, f"the start of {what or name}", DEADLINE_S, functools.partial(self._check_alive, name))

    def _check_alive(self, name):
        if not processes.is_alive(self._processes[name]):
            log = self._settings.logs / f"{name}.log"
            raise ClusterError(f"{name} ended during the start; last words in {log}: {processes.last_words(log)}")

    def _say_ready(self, what):
        say(f"{what} in {time.monotonic() - self._began:.1f} s")


def down(settings):
    """Takes the cluster of this state folder down. Returns what is left of it, which should be nothing."""
    host.check_root()
    known = record.load(settings)
    if known is None:
        _say_none(settings)
        return []
    with record.locked(known.settings), interrupts.held_back():
        began = time.monotonic()
        leftovers.remove(known)
        left = leftovers.remaining(known)
    if not left:
        say(f"down in {time.monotonic() - began:.1f} s; nothing is left but the logs in {settings.logs}")
    return left


def _say_none(settings):
    full = record.load_full_node()
    elsewhere = f"; this machine's node runs from {full.settings.state}" if full else ""
    say(f"no cluster runs in {settings.state}{elsewhere}")


def status(settings):
    """Prints what runs. Returns the command's exit code."""
    known = record.load(settings)
    if known is None:
        _say_none(settings)
        return STATUS_NOTHING
    recorded = known.processes()
    alive = known.alive()
    for name in known.settings.programs:
        state = "running" if name in alive else "ended"
        pid = recorded[name].pid if name in recorded else "-"
        print(f"{name:24} {state:8} pid {pid:<8} {settings.logs}/{name}.log")
    if known.owner is not None:
        print(f"{'owner':24} {'ended' if known.abandoned else 'running':8} pid {known.owner.pid}")
    complete = alive == set(known.settings.programs) and not known.abandoned
    checks = [("API server", control_plane.kube_apiserver_ready)]
    if not known.settings.control_plane_only:
        checks += [(f"node {NODE_NAME}", node.node_ready), ("DNS", addons.dns_ready)]
    if os.geteuid() == 0:  # the administrator's key is root's
        answers = [_answers(name, check, known.settings) for name, check in checks]  # all are asked and printed
        complete = complete and all(answers)
    return STATUS_RUNS if complete else STATUS_BROKEN


def _answers(name, check, settings):
    try:
        ready = check(settings)
    except (OSError, ClusterError):
        ready = False
    print(f"{name:24} {'ready' if ready else 'not ready'}")
    return ready
