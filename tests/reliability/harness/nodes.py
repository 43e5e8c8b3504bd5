"""Kubelets without containers: each pod that the real scheduler binds to one of their nodes gets a gateway on an address of its own in 127.0.0.0/8
and a status as a kubelet writes it. One node is for all runs, others are for the run that has asked for them; the factory of a run's gateways says of
which kind they are."""

import asyncio
import contextlib
import datetime
from urllib.parse import urlsplit

from .kube import KubeError, path_of
from .thing import RUN, Thing

NAME = "reliability"
# Pods whose template names this scheduler are bound by us, to nodes of their run.
SCHEDULER = "reliability"
HEARTBEAT_S = 10
CAPACITY = {"cpu": "1000", "memory": "4000Gi", "pods": "10000"}


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pod(Thing):
    """One pod of these nodes: its newest object, its gateway, and the task that follows them."""

    def __init__(self, seen):
        self.object = seen.object
        self.changed = asyncio.Event()
        self.gone = False
        self.gateway = None
        self.started_at = None
        self.crashed = False
        self.restarts = 0
        self.reported = None  # What its status said last: the container's state, and whether it is ready.
        self.silent = False  # Its gateway answers nobody, the kubelet's probe least of all.
        self.task = None

    def take(self, seen):
        self.object, self.gone = seen.object, seen.gone
        self.changed.set()


class Nodes:
    """Threads: the event loop's."""

    def __init__(self, kube, record):
        self._kube, self._record = kube, record
        self._pods = {}  # By UID.
        self._runs = {}  # By namespace.
        self._binding = set()  # Tasks.
        self._owners = {}  # By name of the node: the namespace of the run it is for, or None.
        self._config_maps = set()
        self._host = 0
        self._network = urlsplit(kube.server).port // 10 % 200 + 20  # Two control planes side by side have no address in common.
        self._heart = None
        self.failure = None

    async def __aenter__(self):
        await self.add(NAME)
        self._heart = asyncio.create_task(self._beat())
        self._record.listen(None, self._heard)
        return self

    async def __aexit__(self, *_):
        tasks = [self._heart, *self._binding, *(pod.task for pod in self._pods.values())]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        for pod in self._pods.values():
            if pod.gateway is not None:
                await pod.gateway.kill()

    def serve(self, namespace, run):
        """Pods of the namespace are `run`'s: run.make_gateway(pod, address), run.image_is_there(pod), run.pod_runs(pod);
        run.node_for(seen) for those that name SCHEDULER."""
        self._runs[namespace] = run

    async def add(self, name, namespace=None):
        """A node that is ready, as far as it says so itself; with a namespace only for what that run binds to it."""
        conditions = [{"type": "Ready", "status": "True", "reason": "Reliability", "message": "played by a test"}]
        status = {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": conditions}
        labels = {"kubernetes.io/hostname": name} | ({RUN: namespace} if namespace else {})
        taints = [{"key": RUN, "value": namespace, "effect": "NoSchedule"}] if namespace else []
        body = {"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}, "status": status}
        self._owners[name] = namespace
        await self._kube.create("nodes", None, body)
        await self._kube.patch("nodes", None, name, {"status": status}, "status")
        lease = {"metadata": {"name": name}, "spec": {"holderIdentity": name, "leaseDurationSeconds": 40}}
        await self._kube.create("leases", "kube-node-lease", lease)

    async def remove(self, name):
        """It goes, and its Lease with it."""
        self._owners.pop(name, None)
        for resource, namespace in (("nodes", None), ("leases", "kube-node-lease")):
            with contextlib.suppress(KubeError):
                await self._kube.delete(resource, namespace, name)

    def pods_of(self, namespace):
        return [pod for pod in self._pods.values() if pod.namespace == namespace]

    def pod(self, uid):
        return self._pods.get(uid)

    async def forget(self, namespace):
        """The run is over: its gateways and nodes end, whatever becomes of its objects."""
        self._runs.pop(namespace, None)
        for pod in self.pods_of(namespace):
            pod.task.cancel()
            if pod.gateway is not None:
                await pod.gateway.kill()
            del self._pods[pod.uid]
        for name in [name for name, run in self._owners.items() if run == namespace]:
            await self.remove(name)

    async def crash(self, pod):
        """The gateway dies and the kubelet backs off."""
        await pod.gateway.kill()
        pod.crashed = True
        pod.restarts += 1
        pod.changed.set()

    async def restart(self, pod):
        """And starts it again."""
        pod.gateway, pod.crashed = None, False
        pod.changed.set()

    def silence(self, pod, silent):
        """The gateway stops answering, or answers again; its connections stand. The kubelet's probe tells the same."""
        (pod.gateway.reachable.clear if silent else pod.gateway.reachable.set)()
        pod.silent = silent
        pod.changed.set()

    async def _beat(self):
        while True:
            now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            for name in list(self._owners):
                with contextlib.suppress(KubeError):  # It goes just now.
                    await self._kube.patch("leases", "kube-node-lease", name, {"spec": {"renewTime": now}})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), HEARTBEAT_S)

    def _heard(self, seen):
        if seen.resource == "configmaps":
            self._config_maps.add((seen.namespace, seen.name))
            for pod in self.pods_of(seen.namespace):
                pod.changed.set()
        if seen.resource == "pods" and seen.kind == "ADDED" and seen.object["spec"].get("schedulerName") == SCHEDULER and seen.namespace in self._runs:
            task = asyncio.create_task(self._bind(seen))
            self._binding.add(task)
            task.add_done_callback(self._binding.discard)
        if seen.resource != "pods" or seen.object["spec"].get("nodeName") not in self._owners:
            return
        pod = self._pods.get(seen.uid)
        if pod is not None:
            pod.take(seen)
        elif seen.namespace in self._runs and not seen.gone:
            pod = self._pods[seen.uid] = Pod(seen)
            pod.task = asyncio.create_task(self._live(pod))

    async def _bind(self, seen):
        path = path_of("pods", seen.namespace, seen.name, "binding")
        try:
            await self._kube.call("POST", path, {"metadata": {"name": seen.name}, "target": {"kind": "Node", "name": self._runs[seen.namespace].node_for(seen)}})
        except KubeError as error:
            if error.status not in (404, 409):  # It is gone already.
                self.failure = error
        except Exception as error:
            self.failure = error
            raise

    async def _live(self, pod):
        """From the binding to the end of the object."""
        try:
            while not pod.gone:
                try:
                    if await self._sync(pod):
                        break
                except KubeError as error:
                    if error.status not in (404, 409):
                        raise
                await pod.changed.wait()
                pod.changed.clear()
            if pod.gateway is not None:
                await pod.gateway.kill()  # Deleted with no grace, or gone without a word.
        except Exception as error:
            self.failure = error
            raise

    async def _sync(self, pod):
        """Brings the pod one step on; True once its object has been removed."""
        run = self._runs[pod.namespace]
        if pod.terminating:
            await self._terminate(pod)
            return True
        if pod.gateway is None and not pod.crashed:
            if not self._has_keys(pod):
                return False  # A kubelet waits for the volumes; the ConfigMap's event wakes us.
            if not run.image_is_there(pod):
                await self._report(pod, {"waiting": {"reason": "ImagePullBackOff", "message": "played by a test"}}, None)
                return False
            self._host += 1
            address = f"127.{self._network}.{self._host // 250}.{self._host % 250 + 1}"
            pod.gateway = run.make_gateway(pod, address)
            await pod.gateway.start()
            pod.started_at = _now()
            await self._report(pod, {"running": {"startedAt": pod.started_at}}, address)
            run.pod_runs(pod)  # Clients come once endpoints know it.
        elif pod.crashed:
            await self._report(pod, {"waiting": {"reason": "CrashLoopBackOff"}}, pod.gateway.address)
        else:
            await self._report(pod, {"running": {"startedAt": pod.started_at}}, pod.gateway.address)
        return False

    def _has_keys(self, pod):
        wanted = (volume.get("configMap", {}).get("name") for volume in pod.object["spec"].get("volumes", []))
        return all((pod.namespace, name) in self._config_maps for name in wanted if name and name != "kube-root-ca.crt")

    async def _report(self, pod, state, address):
        """Writes what has changed."""
        ready = "running" in state and not pod.silent
        container = {"name": "gateway", "ready": ready, "restartCount": pod.restarts, "image": "x", "imageID": "x", "state": state}
        if pod.reported == (list(state), ready):
            return
        conditions = [{"type": kind, "status": str(ready), "lastTransitionTime": _now()} for kind in ("Ready", "ContainersReady")]
        status = {"phase": "Running" if address else "Pending", "conditions": conditions, "containerStatuses": [container]}
        status |= {"podIP": address, "podIPs": [{"ip": address}], "startTime": _now()} if address else {}
        await self._kube.patch("pods", pod.namespace, pod.name, {"metadata": {"uid": pod.uid}, "status": status}, "status")
        pod.reported = (list(state), ready)

    async def _terminate(self, pod):
        """SIGTERM, the grace period, SIGKILL; then the pod's object goes."""
        grace = pod.object["metadata"].get("deletionGracePeriodSeconds", 30)
        if pod.gateway is not None and pod.gateway.running:
            pod.gateway.terminate(grace)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_first(pod.gateway.ended, pod), grace)
            await pod.gateway.kill()
        if not pod.gone:
            with contextlib.suppress(KubeError):
                await self._kube.delete("pods", pod.namespace, pod.name, gracePeriodSeconds=0, preconditions={"uid": pod.uid})


async def _first(ended, pod):
    """Until the gateway has ended by itself, or the object is gone."""
    waits = {asyncio.create_task(ended.wait())}
    try:
        while not ended.is_set() and not pod.gone:
            change = asyncio.create_task(pod.changed.wait())
            waits.add(change)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            waits.discard(change)
            change.cancel()
            pod.changed.clear()
    finally:
        for wait in waits:
            wait.cancel()
