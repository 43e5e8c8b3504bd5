"""A node without a kubelet: the test plays it. Each pod that the real scheduler binds here becomes a real sluice-gateway process on an
address of its own in 127.0.0.0/8, with the pod's UID, environment and keys; its status is written as a kubelet writes it."""

import contextlib
import dataclasses
import datetime
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import kubernetes
from kubernetes.client.exceptions import ApiException
from rtgw import connections_at

NAME = "stand-in"
POLL_S = 0.1
HEARTBEAT_S = 10
CONFIG = """listen: {{address: {address}, port: 8080}}
admin: {{address: {address}, port: 9901}}
metrics: {{address: {address}, port: 9902}}
"""


@dataclasses.dataclass
class Container:
    """The process of one pod."""

    address: str
    process: subprocess.Popen
    reported: tuple = None  # What its status says: whether it is ready, whether it has ended.
    terminating_since: float = None


class Kubelet:
    """Threads: any. `starts` false keeps pods that come from now on without a container; `reports` false keeps what pods' statuses say;
    `descriptors` is what containers that start from now on may open (LimitNOFILE of the container runtime), None: what the test itself may."""

    def __init__(self, kubeconfig, program, folder, node=NAME):
        self.starts = True
        self.node = node
        self.reports = True
        self.descriptors = None
        self.failure = None  # What ended the kubelet, if something did.
        self.deleted = {}  # Names of pods asked to go, with the connections that they had then; None: no answer.
        self._program = program
        self._folder = Path(folder)
        client = kubernetes.config.new_client_from_config(str(kubeconfig))
        self._core = kubernetes.client.CoreV1Api(client)
        self._leases = kubernetes.client.CoordinationV1Api(client)
        self._containers = {}
        # More pods are made in a session than the last number counts.
        network = f"127.{random.randint(1, 250)}"
        self._addresses = (f"{network}.{block}.{host}" for block in range(random.randint(0, 200), 255) for host in range(1, 255))
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._heartbeat_at = 0.0

    def __enter__(self):
        self._register()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()
        for container in self._containers.values():
            container.process.kill()
            container.process.wait()
        with contextlib.suppress(ApiException):  # The control plane may be gone by now, and the node with it.
            self._core.delete_node(self.node)
            self._leases.delete_namespaced_lease(self.node, "kube-node-lease")

    def container(self, pod):
        with self._lock:
            return self._containers[pod.metadata.uid]

    def crash(self, pod):
        """The gateway dies; the kubelet sees it and backs off."""
        with self._lock:
            container = self._containers[pod.metadata.uid]
            container.process.kill()
            container.process.wait()

    @contextlib.contextmanager
    def frozen(self, pod):
        """The gateway hangs: connections stay, nothing is answered."""
        process = self.container(pod).process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def content(self):
        """The kubelet finds every pod as it last was, whatever others may see of it."""
        with self._lock:
            self.reports = False
        try:
            yield
        finally:
            self.reports = True

    def _register(self):
        node = {
            "metadata": {"name": self.node, "labels": {"kubernetes.io/hostname": self.node}},
            "status": {
                "capacity": {"cpu": "64", "memory": "64Gi", "pods": "500"},
                "allocatable": {"cpu": "64", "memory": "64Gi", "pods": "500"},
                "conditions": [{"type": "Ready", "status": "True", "reason": "StandIn", "message": "played by a test"}],
            },
        }
        self._core.create_node(node)
        self._core.patch_node_status(self.node, {"status": node["status"]})
        self._leases.create_namespaced_lease("kube-node-lease", {"metadata": {"name": self.node}, "spec": {"holderIdentity": self.node, "leaseDurationSeconds": 40}})

    def _heartbeat(self):
        if time.monotonic() < self._heartbeat_at:
            return
        self._heartbeat_at = time.monotonic() + HEARTBEAT_S
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._leases.patch_namespaced_lease(self.node, "kube-node-lease", {"spec": {"renewTime": now}})

    def _run(self):
        try:
            self._loop()
        except Exception as error:
            self.failure = error
            raise

    def _loop(self):
        while not self._stopping.is_set():
            try:
                self._heartbeat()
                pods = self._core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={self.node}").items
                for pod in pods:
                    self._sync(pod)
                self._collect({pod.metadata.uid for pod in pods})
            except ApiException as error:
                if error.status not in (404, 409):
                    raise
            self._stopping.wait(POLL_S)

    def _sync(self, pod):
        with self._lock:
            container = self._containers.get(pod.metadata.uid)
            if pod.metadata.deletion_timestamp is not None:
                self._terminate(pod, container)
            elif container is None and self.starts and _keys_of(pod):
                self._start(pod)
            elif container is not None and self.reports:
                self._report(pod, container)

    def _collect(self, known):
        """A pod that is gone without a word (force deletion) takes its process with it."""
        with self._lock:
            for uid in [uid for uid in self._containers if uid not in known]:
                container = self._containers.pop(uid)
                container.process.kill()
                container.process.wait()

    def _start(self, pod):
        address = next(self._addresses)
        folder = self._folder / pod.metadata.uid
        keys = folder / "keys"
        keys.mkdir(parents=True)
        for name, text in (self._core.read_namespaced_config_map(_keys_of(pod), pod.metadata.namespace).data or {}).items():
            (keys / name).write_text(text)
        (folder / "gateway.yaml").write_text(CONFIG.format(address=address))
        command = [self._program, "--config", folder / "gateway.yaml"]
        if self.descriptors is not None:
            command = ["prlimit", f"--nofile={self.descriptors}:{self.descriptors}", *command]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=_environment(pod, keys), stdout=log, stderr=subprocess.STDOUT)
        self._containers[pod.metadata.uid] = Container(address, process)

    def _terminate(self, pod, container):
        """SIGTERM, the grace period, SIGKILL; then the pod's object goes."""
        if container is not None and container.process.poll() is None:
            now = time.monotonic()
            if container.terminating_since is None:
                container.terminating_since = now
                self.deleted[pod.metadata.name] = _connections_at(container.address)
                container.process.terminate()
            if now < container.terminating_since + pod.metadata.deletion_grace_period_seconds:
                return
            container.process.kill()
            container.process.wait()
        options = kubernetes.client.V1DeleteOptions(grace_period_seconds=0, preconditions={"uid": pod.metadata.uid})
        self._core.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, body=options)
        self._containers.pop(pod.metadata.uid, None)

    def _report(self, pod, container):
        crashed = container.process.poll() is not None  # Nobody has asked its pod to go.
        ready = not crashed and _answers(container.address)
        if (ready, crashed) == container.reported:
            return
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        state = {"waiting": {"reason": "CrashLoopBackOff"}} if crashed else {"running": {"startedAt": now}}
        status = {"name": "gateway", "ready": ready, "restartCount": int(crashed), "image": "stand-in", "imageID": "stand-in", "state": state}
        conditions = [{"type": kind, "status": str(ready), "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")]
        body = {"status": {"phase": "Running", "podIP": container.address, "podIPs": [{"ip": container.address}], "startTime": now}}
        body["status"].update(conditions=conditions, containerStatuses=[status])
        self._core.patch_namespaced_pod_status(pod.metadata.name, pod.metadata.namespace, body)
        container.reported = (ready, crashed)


def _keys_of(pod):
    """The ConfigMap with the operator's keys; None for pods that are no gateways, whose image nobody has."""
    return next((volume.config_map.name for volume in pod.spec.volumes or [] if volume.config_map is not None), None)


def _environment(pod, keys):
    values = {entry.name: entry.value for entry in pod.spec.containers[0].env}
    return {**os.environ, **{name: value for name, value in values.items() if value}, "SLUICE_POD_UID": pod.metadata.uid, "SLUICE_ADMIN_KEYS_DIR": str(keys)}


def _connections_at(address):
    try:
        return connections_at(address)
    except OSError:
        return None


def _answers(address):
    try:
        with urllib.request.urlopen(f"http://{address}:9902/readyz", timeout=1) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
