"""The independent record: every version of every object that matters, seen by watches of the harness's own. The oracles judge by it, never
by what the operator or the proxy says."""

import asyncio
import contextlib
import dataclasses
import time

import aiohttp

from .kube import KubeError
from .thing import Thing

WATCHED = ("realtimegateways", "pods", "services", "poddisruptionbudgets", "configmaps", "resourcequotas", "nodes")


@dataclasses.dataclass(frozen=True)
class Seen(Thing):
    """One version of one object. `version` is its resource version, which orders the objects of all resources; `at` is time.monotonic()."""

    version: int
    at: float
    kind: str  # ADDED, MODIFIED or DELETED.
    resource: str
    object: dict

    @property
    def gone(self):
        return self.kind == "DELETED"


class Record:
    """Threads: the event loop's."""

    def __init__(self, kube):
        self._kube = kube
        self._tasks = []
        self._listeners = {}
        self.failure = None

    async def __aenter__(self):
        for resource in WATCHED:
            listed = await self._kube.list(resource)
            self._tasks.append(asyncio.create_task(self._follow(resource, listed["metadata"]["resourceVersion"])))
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def listen(self, namespace, heard):
        """`heard(seen)` for every change in the namespace from now on; None in place of a namespace: in all of them."""
        self._listeners.setdefault(namespace, []).append(heard)

    def unlisten(self, namespace):
        self._listeners.pop(namespace, None)

    async def _follow(self, resource, version):
        """The watch, from where it ended each time. Its failure is every run's: without a record nothing can be judged."""
        try:
            while True:
                with contextlib.suppress(aiohttp.ClientError):  # It broke: on from where it was.
                    async for event in self._kube.watch(resource, version):
                        if event["type"] == "ERROR":
                            raise KubeError(event["object"].get("code", 0), f"the record's watch of {resource}: {event['object'].get('message')}")
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            self._tell(Seen(int(version), time.monotonic(), event["type"], resource, event["object"]))
        except Exception as error:
            self.failure = error
            raise

    def _tell(self, seen):
        for namespace in {seen.namespace, None}:
            for heard in self._listeners.get(namespace, ()):
                heard(seen)
