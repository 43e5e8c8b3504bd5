"""What every scenario stands on: a real control plane, kwok's nodes, and an admin API that answers for pods that are not there."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import yaml
from sluice_cluster import record, settings

from . import netns
from .audit import AuditLog
from .errors import BenchError
from .kube import Kube, gateways_path, pods_path, wait_until
from .processes import Operator, Peer, Process

ROOT = Path(__file__).resolve().parents[3]
HERE = ROOT / "bench" / "operator"
CLUSTER = ROOT / "tests" / "cluster" / "cluster"
RELEASE = ROOT / "build" / "release"
SYSTEM = "sluice-system"
ACCOUNT = "sluice-operator"
ACCESS_KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
PORT_BASE = 23200
ADMIN_PORT_OFFSET = 30  # Behind the control plane's own ports.
NODE_ANNOTATION = "kwok.x-k8s.io/node"
READY_S = 120


def gateway_spec(admin_port):
    return {
        "minReadySeconds": 0,
        "drain": {"propagationDelay": "0s", "hintJitter": "0s", "timeout": "5m"},
        "reconnectBudget": {"perSecondPerReceiver": 200, "perSecondMax": 20000},
        # The port "admin" is where the scripted gateways listen, since real ones of other runs on this machine hold 9901.
        "template": {"spec": {
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": NODE_ANNOTATION, "operator": "Exists"}],
            "containers": [{"name": "gateway", "image": "sluice.dev/sluice-gateway:bench", "ports": [{"name": "admin", "containerPort": admin_port}]}],
        }},
    }


class World:
    """`with World(folder, say) as world`. Everything that it starts ends with it."""

    def __init__(self, folder, say, nodes, port_base=PORT_BASE):
        self.folder = folder
        self.say = say
        self._nodes = nodes
        self._port_base = port_base
        self._admin_port = port_base + ADMIN_PORT_OFFSET
        self._state = folder / "cluster"
        self._undo = contextlib.ExitStack()
        self._kwok = None
        self.kubeconfig = self._state / "kubeconfig"
        self._account_kubeconfig = self._state / "kubeconfig-operator"
        self.kube = None
        self.logs = folder / "logs"

    @staticmethod
    def check_built():
        for program in ("operator/sluice-operator", "gateway/sluice-gateway", "bench/sluice-loadgen"):
            if not (RELEASE / program).exists():
                raise BenchError(f"build/release/{program} is missing; `make bench-operator` builds it")

    def __enter__(self):
        self.logs.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            self._up(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self._undo.close()

    def _up(self, undo):
        owner = {**os.environ, record.OWNER_VARIABLE: str(os.getpid())}
        words = [CLUSTER, "up", "--control-plane-only", "--state", self._state, "--port-base", self._port_base, "--audit-policy", HERE / "audit-policy.yaml"]
        undo.callback(self._down)
        _run(words, owner)
        self.kube = Kube(self.kubeconfig)
        programs = Path(_run([CLUSTER, "bin"]).splitlines()[-1])
        kubectl = [programs / "kubectl", "--kubeconfig", self.kubeconfig]
        _run([*kubectl, "apply", "-f", ROOT / "crds"])
        _run([*kubectl, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"])
        self.kube.create("/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
        self._give_access(programs, kubectl)

    def _give_access(self, programs, kubectl):
        """A kubeconfig of the operator's service account, with the rights that the chart gives it and no more.

        As in a cluster, and as the controllers of controller-manager have it: a client certificate would be verified anew with each request.
        """
        rendered = yaml.safe_load_all(_run([programs / "helm", "template", "sluice", ROOT / "charts" / "sluice", "--namespace", SYSTEM]))
        rights = [made for made in rendered if made and made["kind"] in ACCESS_KINDS and made["metadata"]["name"] == ACCOUNT]
        file = self.folder / "operator-access.yaml"
        file.write_text(yaml.safe_dump_all(rights))
        _run([*kubectl, "apply", "-f", file])
        config = yaml.safe_load(self.kubeconfig.read_text())
        token = _run([*kubectl, "create", "token", ACCOUNT, "--namespace", SYSTEM, "--duration", "12h"]).strip()
        config["users"] = [{"name": ACCOUNT, "user": {"token": token}}]
        config["contexts"] = [{"name": ACCOUNT, "context": {"cluster": config["clusters"][0]["name"], "user": ACCOUNT}}]
        config["current-context"] = ACCOUNT
        self._account_kubeconfig.touch(mode=0o600)
        self._account_kubeconfig.write_text(yaml.safe_dump(config))

    def _down(self):
        ended = subprocess.run([CLUSTER, "down", "--state", self._state], capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            self.say(f"the control plane did not go: {ended.stdout}{ended.stderr}")
        (self._state / "logs" / "audit.log").unlink(missing_ok=True)  # Hundreds of megabytes that have been read.

    @property
    def tools(self):
        """The folder with kwok and the peer."""
        return build_tools()

    def need_kwok(self, connections=0):
        """Nodes that are not there, and gateways that answer for the pods on them, each with so many connections. Once."""
        if self._kwok is not None:
            return
        gateways = Process([sys.executable, "-B", HERE / "scripted_gateways.py", self._admin_port, connections], self.logs / "gateways.log", "scripted gateways")
        self._undo.callback(gateways.stop)
        wait_until(lambda: gateways.logged("ready"), "the scripted gateways", READY_S, [gateways])
        words = [
            *(self.tools / "kwok", "--kubeconfig", self.kubeconfig, "--config", HERE / "kwok.yaml", "--cidr", netns.FIRST_POD),
            *(f"--manage-nodes-with-annotation-selector={NODE_ANNOTATION}=fake", "--node-lease-duration-seconds=40", "--server-address="),
        ]
        self._kwok = Process(words, self.logs / "kwok.log")
        self._undo.callback(self._kwok.stop)
        for number in range(self._nodes):
            name = f"kwok-{number:03}"
            self.kube.create("/api/v1/nodes", {
                "metadata": {"name": name, "annotations": {NODE_ANNOTATION: "fake"}, "labels": {"type": "kwok", "kubernetes.io/hostname": name}},
                "spec": {"taints": [{"key": NODE_ANNOTATION, "value": "fake", "effect": "NoSchedule"}]},
            })
        wait_until(self._nodes_ready, f"{self._nodes} nodes", READY_S, [self._kwok])

    def _nodes_ready(self):
        nodes = self.kube.items("/api/v1/nodes", "type=kwok")
        return sum(ready(node) for node in nodes) == self._nodes

    def set_connections(self, connections):
        """Of gateways from now on; all of them begin anew."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._admin_port}/bench/forget", json.dumps({"connections": connections}).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass

    @contextlib.contextmanager
    def operator(self, name="sluice-operator", wait=True):
        process = Operator(RELEASE / "operator" / "sluice-operator", self._account_kubeconfig, self.logs / f"{name}.log", name)
        try:
            if wait:
                wait_until(process.leads, f"{name} to lead", READY_S, [process])
            yield process
        finally:
            process.stop()

    @contextlib.contextmanager
    def peer(self):
        process = Peer(self.tools / "peer", self.kubeconfig, self.logs / "peer.log")
        try:
            wait_until(process.leads, "the peer to reconcile", READY_S, [process])
            yield process
        finally:
            process.stop()

    def audit(self):
        return AuditLog(settings.Settings(self._state.resolve()).audit_log)

    def part(self, name):
        """(pid) of a part of the control plane."""
        return record.load(settings.Settings(self._state.resolve())).processes()[name].pid

    @contextlib.contextmanager
    def neighbours_still(self):
        """Controller-manager, scheduler and kwok stand still meanwhile: they have nothing to do with what is measured, and would take the CPU of two cores for it.

        For less than a node's lease lasts (40 s), after which the nodes would be called lost.
        """
        pids = [self.part("kube-controller-manager"), self.part("kube-scheduler"), self._kwok.pid]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def namespace(self, name):
        self.kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        try:
            yield name
        finally:
            self.kube.delete(f"/api/v1/namespaces/{name}")

    def make_gateway(self, namespace, name, **spec):
        self.kube.create(gateways_path(namespace), {
            "apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "metadata": {"name": name}, "spec": {**gateway_spec(self._admin_port), **spec},
        })
        return f"{gateways_path(namespace)}/{name}"

    def wait_gone(self, namespace, at_most_s):
        """The namespace and all that was in it."""
        wait_until(lambda: self.kube.get(f"/api/v1/namespaces/{namespace}") is None, f"the namespace {namespace} to be gone", at_most_s)

    def pods(self, namespace):
        return self.kube.items(pods_path(namespace))


def build_tools():
    """The folder with kwok and the peer, compiled where that has not been done."""
    return Path(_run([HERE / "build"]).splitlines()[-1])


def ready(thing):
    """Of a pod or a node."""
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in thing.get("status", {}).get("conditions", []))


def _run(words, environment=None):
    done = subprocess.run([str(word) for word in words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{Path(str(words[0])).name} {words[1]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout
