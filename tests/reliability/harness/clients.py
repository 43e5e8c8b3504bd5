"""Where the connections of a run come from and go to: what a Run adds to a fleet of scripted gateways."""

import asyncio
import contextlib
import itertools

from . import facts
from .kube import pause
from .scripted_gateway import ScriptedGateway


class Clients:
    """What a Run adds: world, namespace, seed, names, objects, accounts, _connections, _changed."""

    # Of all clients of the run, and those who come to pods of these values of the annotation "version" fail.
    understand_hints = False
    bad_versions = frozenset()
    _visitors = None

    def make_gateway(self, pod, address):
        sound = pod.annotations.get("version") not in self.bad_versions
        gateway = ScriptedGateway(pod.name, pod.uid, address, self.seed, self._moved, self.understand_hints, sound)
        self.accounts.append(gateway.account)
        return gateway

    def pod_runs(self, pod):
        """The clients that the scenario gives to the pods that came first."""
        index = self.names.index(pod.name)
        if index < len(self._connections):
            pod.gateway.connect(self._connections[index])

    def visitors(self, per_second):
        """From now on clients come, pod by pod of those in the endpoints, that stay for no longer than a greeting."""
        self._visitors = asyncio.create_task(self._visit(1 / per_second))

    async def _visit(self, every_s):
        for number in itertools.count():
            if there := self._there():
                there[number % len(there)].gateway.visit()
            await pause(every_s)

    async def visitors_end(self):
        if self._visitors is not None:
            self._visitors.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._visitors

    def _moved(self, count):
        """Clients look for another place: pods in the endpoints, the one with the fewest first."""
        self._changed.set()
        for _ in range(count):
            for pod in sorted(self._there(), key=lambda pod: (pod.gateway.connections(), pod.name)):
                if pod.gateway.connect(1):
                    break

    def _there(self):
        """Pods in the endpoints whose gateways answer."""
        pods = ((self.objects.get(("pods", pod.name)), pod) for pod in self.world.nodes.pods_of(self.namespace) if pod.gateway is not None and pod.gateway.running)
        return [pod for seen, pod in pods if seen is not None and seen.uid == pod.uid and seen.labels.get(facts.TRAFFIC) == "on" and facts.ready(seen)]
