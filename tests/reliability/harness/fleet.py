"""A gateway of a run as its scenario sees and handles it: what a user, an autoscaler and the world do to it, and how it looks by the record."""

import string
import time

from . import facts
from .kube import KubeError, path_of

GATEWAY = "edge"
# Of a drain, a back-off of 30 s (the most there is), and a machine that does other things; then it counts as stuck.
CONVERGES_WITHIN_S = 75
CONFLICTS_MAX = 10


class NotReached(AssertionError):
    """What was waited for did not come."""


class Fleet:
    """What a Run adds: world, namespace, scenario, names, objects and history (the record's), accounts (the gateways'), _wait()."""

    async def fleet(self, replicas, connections=(), **spec):
        """A gateway with so many pods, at rest. `connections` for the pods in the order in which they were made."""
        await self.create(replicas, connections, **spec)
        await self.until(self.converged, "the first pods")

    async def create(self, replicas, connections=(), **spec):
        self._connections = connections
        body = {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "metadata": {"name": GATEWAY}}
        await self.world.kube.create("realtimegateways", self.namespace, {**body, "spec": {**self.scenario.spec, "replicas": replicas, **spec}})

    def mark(self):
        """From here on the fault may act: what came before is only the way to the scenario's beginning."""
        self.marked, self.marked_writes, self.mark_index = True, len(self.proxy.writes), len(self.history)
        self.mark_version = max((seen.version for seen in self.history), default=0)

    async def change(self, **spec):
        await self._seen(await self.world.kube.patch("realtimegateways", self.namespace, GATEWAY, {"spec": spec}))

    async def scale(self, replicas):
        """Through the scale subresource, as an autoscaler does."""
        await self._seen(await self.world.kube.patch("realtimegateways", self.namespace, GATEWAY, {"spec": {"replicas": replicas}}, "scale"))

    async def delete(self, policy="Background"):
        await self._seen(await self.world.kube.delete("realtimegateways", self.namespace, GATEWAY, propagationPolicy=policy))

    async def delete_pod(self, pod):
        """As `kubectl delete pod`."""
        self.killed_pods.add(pod.uid)
        await self._seen(await self.world.kube.delete("pods", self.namespace, pod.name))

    async def replace(self, spec):
        """The whole spec at once, whatever stood in it."""
        path = path_of("realtimegateways", self.namespace, GATEWAY)
        for left in reversed(range(CONFLICTS_MAX)):
            gateway = await self.world.kube.call("GET", path)
            try:
                return await self._seen(await self.world.kube.call("PUT", path, {**gateway, "spec": spec}))
            except KubeError as error:  # The operator's status came in between.
                if error.status != 409 or left == 0:
                    raise
        return None

    async def limit_pods(self, most):
        """A ResourceQuota, in force when this returns."""
        body = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": str(most)}}}
        if ("resourcequotas", "pods") in self.objects:
            await self.world.kube.patch("resourcequotas", self.namespace, "pods", body)
        else:
            await self.world.kube.create("resourcequotas", self.namespace, body)
        await self.until(lambda: self._quota() == str(most), "the quota to be counted")
        # The API server admits by a cache of its own, which may be behind.
        end = time.monotonic() + CONVERGES_WITHIN_S
        while await self._admits_a_pod() != (len(self.pods()) < most):
            if time.monotonic() > end:
                raise NotReached("the quota is not in force")
            await self._wait(0.2)

    async def _admits_a_pod(self):
        body = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
        try:
            await self.world.kube.create("pods", self.namespace, body, dryRun="All")
        except KubeError as refused:
            if refused.status != 403:
                raise
            return False
        return True

    def _quota(self):
        seen = self.objects.get(("resourcequotas", "pods"))
        return seen and seen.object.get("status", {}).get("hard", {}).get("pods")

    def expect(self, holds, otherwise):
        """A scenario's own oracle."""
        if not holds:
            self.violations.append(otherwise)

    def serves(self, seen):
        return facts.live(seen) and facts.ready(seen) and not facts.out(seen)

    async def _seen(self, answer):
        """The record shows what was just written: what is waited for next is not taken for granted by an older picture."""
        version = int(answer["metadata"].get("resourceVersion", 0))
        await self.until(lambda: any(seen.version >= version for seen in reversed(self.history)), "the record to show a write")

    async def crash_gateway(self, pod):
        self.killed_pods.add(pod.uid)
        await self.world.nodes.crash(self.world.nodes.pod(pod.uid))

    async def restart_gateway(self, pod):
        await self.world.nodes.restart(self.world.nodes.pod(pod.uid))

    def silence(self, pod):
        """Its gateway hangs: it answers neither the operator nor the kubelet, and its connections stand."""
        self.world.nodes.silence(self.world.nodes.pod(pod.uid), True)

    def answer(self, pod):
        """And goes on."""
        self.world.nodes.silence(self.world.nodes.pod(pod.uid), False)

    async def make_nodes(self, count):
        """For pods of this run alone, whose template names nodes.SCHEDULER; answers their names."""
        names = [f"{self.namespace}-{letter}" for letter in string.ascii_lowercase[:count]]
        for name in names:
            await self.world.nodes.add(name, self.namespace)
        await self.until(lambda: all(("nodes", name) in self.objects for name in names), "the nodes")
        return names

    async def cordon(self, node):
        await self._seen(await self.world.kube.patch("nodes", None, node, {"spec": {"unschedulable": True}}))

    async def remove_node(self, node):
        await self.world.nodes.remove(node)

    def pods_on(self, node):
        return [seen for seen in self.pods() if seen.object["spec"].get("nodeName") == node]

    async def evict_all(self, node):
        """Asks for the eviction of each pod on the node that drains until none is left, as `kubectl drain` does, but without its pause."""
        end = time.monotonic() + CONVERGES_WITHIN_S
        while pods := self.pods_on(node):
            if time.monotonic() > end:
                raise NotReached(f"waited {CONVERGES_WITHIN_S} s for a node without pods; there is: {self.describe()}")
            self._look_after_operators()
            for pod in pods:
                if facts.draining(pod) and not pod.terminating:
                    await self.evict(pod)
            await self._wait(0.5)

    async def evict(self, pod):
        """As `kubectl drain` asks for it; the API server's status: 201, 404, or 429 where a disruption budget refuses it."""
        connections, draining, healthy = self.connections().get(pod.uid, 0), facts.draining(pod), self._healthy()
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": self.namespace}}
        status = await self.world.kube.try_once("POST", path_of("pods", self.namespace, pod.name, "eviction"), body)
        self.evictions.append(facts.Eviction(self.names.pod(pod.name), connections, draining, max(healthy, self._healthy()), status))
        if status < 300:
            self.killed_pods.add(pod.uid)
        return status

    def _healthy(self):
        return sum(facts.live(seen) and facts.ready(seen) for seen in self.pods())

    async def stranger(self, name):
        """A pod with the gateway's label and no owner."""
        self.strangers.add(name)
        labels = {facts.GATEWAY: GATEWAY, "sluice.dev/state": "active", "sluice.dev/traffic": "off"}
        spec = {"containers": [{"name": "gateway", "image": "x"}], "nodeSelector": {"no": "node"}}
        await self.world.kube.create("pods", self.namespace, {"metadata": {"name": name, "labels": labels}, "spec": spec})

    async def until(self, check, what, within_s=CONVERGES_WITHIN_S):
        """The first true answer of check()."""
        limit = time.monotonic() + within_s
        while not (answer := check()):
            if time.monotonic() > limit:
                raise NotReached(f"waited {within_s:g} s for {what}; there is: {self.describe()}")
            self._look_after_operators()
            await self._wait(min(1.0, max(0.01, limit - time.monotonic())))
        return answer

    async def stays(self, check, seconds, otherwise):
        """A scenario's own oracle: check() is true for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and check():
            await self._wait(left)
        self.expect(check(), otherwise)

    def pods(self):
        mine = [seen for (resource, name), seen in self.objects.items() if resource == "pods" and name not in self.strangers]
        return sorted(mine, key=lambda seen: self.names.index(seen.name))

    def draining(self):
        return [seen for seen in self.pods() if facts.draining(seen) and not seen.terminating]

    def gateway(self):
        seen = self.objects.get(("realtimegateways", GATEWAY))
        return seen.object if seen is not None else None

    def condition(self, kind):
        conditions = (self.gateway() or {}).get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def connections(self):
        """Of each gateway that runs, by UID of its pod."""
        pods = self.world.nodes.pods_of(self.namespace)
        return {pod.uid: pod.gateway.connections() for pod in pods if pod.gateway is not None and pod.gateway.running}

    def letting_go(self):
        """Gateways that drain."""
        pods = self.world.nodes.pods_of(self.namespace)
        return [pod.name for pod in pods if pod.gateway is not None and pod.gateway.running and pod.gateway.drains]

    def out(self, pod):
        """Its phase, as facts.out() says."""
        seen = self.objects.get(("pods", pod.name))
        return facts.out(seen) if seen is not None else ""

    def rollout(self):
        return (self.gateway() or {}).get("status", {}).get("rollout", {})

    def of_one_revision(self):
        """The newest one, and the status says that the fleet is on it."""
        status = self.gateway()["status"]
        return {seen.labels.get(facts.REVISION) for seen in self.pods()} == {status.get("currentRevision")} == {status.get("updateRevision")}

    def released(self):
        return sum(len(account.released) for account in self.accounts)

    def converged(self):
        """As the spec asks for, and told so: the scenario's end, unless it names another."""
        gateway = self.gateway()
        if gateway is None:
            return self._created and not any(_owned(seen.object) for seen in self.objects.values())
        if "deletionTimestamp" in gateway["metadata"]:
            return False
        status, pods = gateway.get("status", {}), self.pods()
        told = status.get("observedGeneration") == gateway["metadata"]["generation"] and self.condition("Progressing").get("reason") == "AtTarget"
        return told and len(pods) == gateway["spec"]["replicas"] and all(self.serves(seen) for seen in pods)

    def describe(self):
        gateway = self.gateway()
        pods = [f"{self.names.pod(seen.name)}{' ready' if facts.ready(seen) else ''}{' draining' if facts.draining(seen) else ''} {facts.out(seen)}".strip() for seen in self.pods()]
        progress = self.condition("Progressing")
        return f"{gateway and gateway['spec']['replicas']} wanted, pods {pods}, {progress.get('reason')}: {progress.get('message')}"


def _owned(thing):
    """By a gateway: the garbage collector has not come by yet."""
    return any(owner.get("kind") == "RealtimeGateway" for owner in thing["metadata"].get("ownerReferences", []))
