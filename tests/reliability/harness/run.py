"""One run: a scenario under a fault, from an empty namespace to a verdict."""

import asyncio
import contextlib
import dataclasses
import datetime
import json
import shlex
import time
import uuid

from . import facts, faults, oracles, summary
from .clients import Clients
from .fleet import CONVERGES_WITHIN_S, Fleet, NotReached
from .kube import KubeError
from .names import Names
from .operator_process import OperatorProcess
from .proxy import Answer, Proxy

# Until a leader that has lost its Lease has ended (it looks every 2 s), and from when on a write of its would be one too many: its renew deadline.
ENDS_WITHIN_S = 15
WRITES_WITHIN_S = 10


@dataclasses.dataclass
class Result:
    name: str
    command: str
    reached: bool = False
    violations: list = dataclasses.field(default_factory=list)
    writes: list = dataclasses.field(default_factory=list)  # Keys, from the mark on.
    events: dict = dataclasses.field(default_factory=dict)  # Events of each watch, from the mark on.
    states: set = dataclasses.field(default_factory=set)
    end: dict = dataclasses.field(default_factory=dict)
    lifecycle: dict = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    note: str = ""  # The file that tells the run's story; the logs lie beside it.

    @property
    def passed(self):
        return not self.violations


@dataclasses.dataclass(frozen=True)
class Past:
    """The namespace as it was at a version."""

    version: int
    objects: tuple

    def listed(self, resource, labelled):
        items = [seen.object for seen in self.objects if seen.resource == resource and (not labelled or facts.GATEWAY in seen.labels)]
        body = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": str(self.version)}, "items": items}
        return Answer(200, json.dumps(body).encode())


class Run(Fleet, Clients):
    """Threads: the event loop's. `world` outlives it. `room` is held while the run acts, and given back while it only waits. What scenarios use is in fleet.py
    and clients.py."""

    def __init__(self, world, scenario, fault="none", quiet_s=6.0, seed=1, room=None):
        self._room = room or contextlib.nullcontext()
        self.world, self.scenario, self.seed, self.quiet_s = world, scenario, seed, quiet_s
        self.fault = faults.make(fault)
        self.fault.run = self
        self.namespace = f"{scenario.name}-{uuid.uuid4().hex[:6]}"
        self.names = Names()
        self.proxy = Proxy(world.kube, self.names.of, self.fault, self._wrote)
        self.history, self.objects, self.accounts, self.operators = [], {}, [], []
        self.killed_pods, self.strangers, self.evictions, self.violations = set(), set(), [], []
        self.marked, self.mark_version, self.marked_writes, self.mark_index = False, 0, 0, 0
        self.stolen_at = None
        self._created = False
        self.bad_images = set()
        self._changed = asyncio.Event()
        self._connections = ()
        self._waiters = []
        self._places = {}  # Nodes by UID of the pod, where we bind it.

    async def execute(self):
        """The verdict. Whatever goes wrong is in it, unless the harness itself fails."""
        began = time.monotonic()
        result = Result(f"{self.scenario.name} {self.fault.text}", self.command)
        self.folder = self.world.new_folder(self.namespace)
        try:
            async with self._room:
                await self._begin()
                await self.scenario.act(self)
                await self.until(self.converged, "the state that the spec asks for")
            await self._settle()
        except (NotReached, KubeError) as error:
            self.violations.append(f"{type(error).__name__}: {error}")
        finally:
            await self._end(result)
        result.seconds = time.monotonic() - began
        return result

    @property
    def command(self):
        words = ["--scenario", self.scenario.name, "--fault", self.fault.text, "--seed", str(self.seed), "--quiet", f"{self.quiet_s:g}"]
        return "tests/reliability/campaign repeat " + shlex.join(words)

    async def _begin(self):
        kube = self.world.kube
        self.world.record.listen(self.namespace, self._heard)
        self.world.nodes.serve(self.namespace, self)
        await kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        await self.proxy.start(*self.world.certificate)
        self.kubeconfig = self.proxy.write_kubeconfig(self.folder / "kubeconfig")
        await self.start_operator()

    async def _settle(self):
        """After convergence a time in which nothing is written but the Lease."""
        limit = time.monotonic() + CONVERGES_WITHIN_S + self.quiet_s
        while (left := self._last_write() + self.quiet_s - time.monotonic()) > 0:
            if time.monotonic() > limit:
                last = ", ".join(write.key for write in self._counted()[-4:])
                raise NotReached(f"no {self.quiet_s:g} s without a write within {CONVERGES_WITHIN_S} s; the last ones: {last}")
            await self._wait(left)
        if not self.converged():
            raise NotReached("the state that the spec asks for was left again")

    async def _end(self, result):
        """Everything that the run has started ends; the evidence is judged."""
        await self.visitors_end()
        self._judge(result)
        for operator in self.operators:
            if operator.exit_code is None and (code := await operator.stop()) != 0:
                self.violations.append(f"operator {operator.number} ended with {code} after SIGTERM")
            elif not operator.killed and operator.exit_code != 0 and self.stolen_at is None:
                self.violations.append(f"operator {operator.number} has ended by itself with {operator.exit_code}")
        await self.proxy.stop()
        result.violations = self.violations
        result.note = self._dump(result)
        self.world.record.unlisten(self.namespace)
        await self.world.nodes.forget(self.namespace)
        await self._remove_objects()

    def _judge(self, result):
        history = sorted(self.history, key=lambda seen: seen.version)
        evidence = facts.Evidence(
            history,
            self.proxy.writes,
            self.accounts,
            self.fault.delay_s,
            frozenset(self.killed_pods),
            frozenset(self.strangers),
            tuple(self.evictions),
            time.time() - time.monotonic(),
        )
        self.violations += oracles.judge(evidence)
        if self.stolen_at is not None:
            late = [write for write in self.proxy.writes if write.operator == self.stolen_from and write.at > self.stolen_at + WRITES_WITHIN_S]
            self.violations += [f"{write}: {write.at - self.stolen_at:.1f} s after its Lease was taken away" for write in late]
        pods = {seen.name for seen in history if seen.resource == "pods"}
        gateways = [seen.uid for seen in history if seen.resource == "realtimegateways"]
        result.reached = self.fault.reached
        result.writes = [write.key for write in self.proxy.writes[self.marked_writes :]]
        result.events = {resource: sum(seen.resource == resource for seen in self.history[self.mark_index :]) for resource in faults.WATCHED}
        result.states = summary.states(history)
        result.end = summary.end_state(self.objects.values(), pods, gateways[0] if gateways else None)
        result.lifecycle = summary.lifecycle(history)

    async def _remove_objects(self):
        """What is left may hold a finalizer that nobody serves any more. The namespace itself goes with the control plane."""
        for seen in list(self.objects.values()):
            with contextlib.suppress(KubeError):
                if seen.resource == "realtimegateways":
                    await self.world.kube.patch(seen.resource, self.namespace, seen.name, {"metadata": {"finalizers": None}})
                    await self.world.kube.delete(seen.resource, self.namespace, seen.name)
                elif seen.resource == "pods":
                    await self.world.kube.delete(seen.resource, self.namespace, seen.name, gracePeriodSeconds=0)

    def _dump(self, result):
        """The run's story, for who looks into it."""
        began = self.history[0].at if self.history else 0.0
        story = [(write.at, f"write    {write} {write.digest} operator {write.operator}") for write in self.proxy.writes]
        story += [(seen.at, f"{seen.kind.lower():8} {seen.resource}/{self._alias(seen)} v{seen.version} {_brief(seen)}") for seen in self.history]
        story += [(at, f"closed   {self.names.pod(account.pod)} {how}") for account in self.accounts for at, how in account.closed]
        story += [(watch.at, f"watch    {watch.resource} {watch.query.get('resourceVersion')} operator {watch.operator}") for watch in self.proxy.watches]
        lines = [*result.violations, result.command, ""] + [f"{at - began:9.3f} {text}" for at, text in sorted(story)]
        (self.folder / "story").write_text("\n".join(lines) + "\n")
        return f"{self.folder}/story"

    def _alias(self, seen):
        return self.names.pod(seen.name) if seen.resource == "pods" else seen.name

    # --- what happens

    def _heard(self, seen):
        self.history.append(seen)
        key = (seen.resource, seen.name)
        if seen.gone:
            self.objects.pop(key, None)
        else:
            self.objects[key] = seen
            self._created |= seen.resource == "realtimegateways"
        for waiter in self._waiters:
            waiter(seen)
        self._changed.set()

    def _wrote(self, write):
        if write.status is None and write.resource == "pods" and write.method == "DELETE":
            write.note = self._at_delete(write.name)
        self._changed.set()

    def _at_delete(self, name):
        """What is true of a pod now: its gateway's own word, and the record's."""
        seen = self.objects.get(("pods", name))
        if seen is None:
            return facts.AtDelete(None, False, 0, None, time.time())
        pod = self.world.nodes.pod(seen.uid)
        connections = pod.gateway.connections() if pod is not None and pod.gateway is not None and pod.gateway.running else 0
        owned = any(owner.get("kind") == "RealtimeGateway" for owner in seen.object["metadata"].get("ownerReferences", []))
        return facts.AtDelete(seen.uid, owned, connections, facts.deadline_of(seen.annotations), time.time())

    def _counted(self):
        return [write for write in self.proxy.writes if not write.lease]

    def _last_write(self):
        return max([write.answered_at or write.at for write in self._counted()], default=0.0)

    async def _wait(self, seconds):
        """Until something has changed, or the time is over."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        for part in (self.world.record, self.world.nodes, self.proxy):
            if part.failure is not None:
                raise RuntimeError(f"the harness has failed: {part.failure!r}")

    # --- for the node

    def image_is_there(self, pod):
        return not any(container.get("image") in self.bad_images for container in pod.object["spec"]["containers"])

    def node_for(self, seen):
        """Of the run's own nodes: the emptiest that is not cordoned."""
        open_ones = [name for (resource, name), node in self.objects.items() if resource == "nodes" and not node.object["spec"].get("unschedulable")]
        there = [self._places.get(pod.uid) for pod in self.pods()]
        self._places[seen.uid] = min(sorted(open_ones), key=there.count)
        return self._places[seen.uid]

    # --- for faults

    async def start_operator(self):
        number = len(self.operators) + 1
        operator = OperatorProcess(self.world.program, self.folder, number, self.kubeconfig, self.namespace, self.fault.elects)
        self.proxy.operator = number
        await operator.start()
        self.operators.append(operator)

    async def restart_operator(self):
        await self.operators[-1].kill()
        await self.start_operator()

    async def steal_lease(self):
        """And give it back once the robbed operator has ended."""
        self.stolen_at, self.stolen_from = time.monotonic(), self.operators[-1].number
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        theft = {"holderIdentity": faults.THIEF, "acquireTime": now, "renewTime": now, "leaseDurationSeconds": 15}
        await self.world.kube.patch("leases", self.namespace, faults.LEASE, {"spec": theft})
        self._robbed = asyncio.create_task(self._after_theft())

    async def _after_theft(self):
        robbed = self.operators[-1]
        try:
            code = await asyncio.wait_for(robbed.wait(), ENDS_WITHIN_S)
            if code != 1:
                self.violations.append(f"operator {robbed.number} ended with {code} when it lost its Lease")
        except TimeoutError:
            self.violations.append(f"operator {robbed.number} still runs {ENDS_WITHIN_S} s after its Lease was taken away")
            await robbed.kill()
        await self.world.kube.patch("leases", self.namespace, faults.LEASE, {"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}})
        await self.start_operator()

    def _look_after_operators(self):
        """One that ends by itself, where nobody has taken its Lease away, ends the run."""
        last = self.operators[-1]
        if last.exit_code is not None and not last.killed and self.stolen_at is None:
            raise NotReached(f"operator {last.number} has ended by itself: {last.log.strip().splitlines()[-1:]}")

    def past(self, version):
        objects = {}
        for seen in sorted(self.history, key=lambda seen: seen.version):
            if seen.version > version:
                break
            if seen.gone:
                objects.pop((seen.resource, seen.name), None)
            else:
                objects[seen.resource, seen.name] = seen
        return Past(version, tuple(objects.values()))

    async def changes_again(self, resource, thing, within_s):
        """Whether the record shows another version of the object, past this one, within the time."""
        meta = thing["metadata"]
        newer = asyncio.Event()

        def heard(seen):
            if (seen.resource, seen.name) == (resource, meta["name"]) and seen.version > int(meta["resourceVersion"]):
                newer.set()

        for seen in self.history:
            heard(seen)
        self._waiters.append(heard)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(newer.wait(), within_s)
        self._waiters.remove(heard)
        return newer.is_set()


def _brief(seen):
    if seen.resource == "pods":
        record = facts.record_in(seen.annotations, facts.DRAIN)
        words = [word for word, true in (("ready", facts.ready(seen)), ("draining", record), ("frozen", "frozenAt" in record), ("terminating", seen.terminating)) if true]
        words += [facts.out(seen), f"traffic {seen.labels.get(facts.TRAFFIC)}", f"rate {seen.annotations.get(facts.RATE)}"]
        return " ".join(word for word in words if word)
    if seen.resource == "realtimegateways":
        conditions = {c["type"]: c.get("reason") for c in seen.object.get("status", {}).get("conditions", [])}
        return f"replicas {seen.object['spec'].get('replicas')} {conditions.get('Progressing')}"
    if seen.resource == "nodes":
        return "cordoned" if seen.object["spec"].get("unschedulable") else ""
    return ""


