"""What goes wrong in a run: scripts of the proxy. A fault has a text, `kind:argument:...`, from which it is made again: that is how a failing run
is repeated. Faults act once the scenario has said run.mark()."""

import asyncio
import time

from .kube import pause
from .proxy import Answer, Ended, Event, Lost, Script
from .thing import RUN

LEASE = "sluice-operator"
THIEF = "a-thief"
# How long a hidden event stays hidden where nothing cancels it, and how long another API server stays behind.
HIDDEN_S = 4.0
FROZEN_S = 2.5
CACHED = ("realtimegateways", "pods", "services", "poddisruptionbudgets", "configmaps")
# Nodes are no run's alone: their lists are always true, and only watches of them are disturbed.
WATCHED = (*CACHED, "nodes")


class Fault(Script):
    """`delay_s`: how much later than the truth the operator may know something because of it. `reached`: it has happened."""

    elects = False
    delay_s = 0.0

    def __init__(self, text):
        self.text = text
        self.reached = text == "none"
        self.run = None

    @property
    def armed(self):
        return self.run.marked


class AtWrite(Fault):
    """Happens at the write with the key, once."""

    def __init__(self, text, key):
        super().__init__(text)
        self.key = key

    def meets(self, write):
        if self.reached or not self.armed or write.key != self.key:
            return False
        self.reached = True
        return True


class KillBefore(AtWrite):
    """SIGKILL right before the API server sees the write."""

    async def before_write(self, write):
        if self.meets(write):
            await self.run.restart_operator()
            raise Lost


class KillAfter(AtWrite):
    """SIGKILL right after the write is committed."""

    async def after_write(self, write, answer):
        if self.meets(write):
            await self.run.restart_operator()
            raise Lost


class LoseAnswer(AtWrite):
    """The write is committed and its answer is lost."""

    async def after_write(self, write, answer):
        if self.meets(write):
            raise Lost


class LoseCall(AtWrite):
    """The write never reaches the API server, and there is no answer."""

    async def before_write(self, write):
        if self.meets(write):
            raise Lost


class Conflict(AtWrite):
    async def before_write(self, write):
        if self.meets(write):
            reason = "AlreadyExists" if write.method == "POST" else "Conflict"
            return Answer.failure(409, reason, f"the object {write.name} has been modified; played by a test")


class TooMany(AtWrite):
    async def before_write(self, write):
        if self.meets(write):
            return Answer.failure(429, "TooManyRequests", "the server has asked for the client to try again later; played by a test", **{"Retry-After": "1"})


class FailUncommitted(AtWrite):
    async def before_write(self, write):
        if self.meets(write):
            return Answer.failure(500, "InternalError", "an error on the server; played by a test")


class FailCommitted(AtWrite):
    async def after_write(self, write, answer):
        if self.meets(write):
            return Answer.failure(500, "InternalError", "an error on the server; played by a test")


class StealLease(AtWrite):
    """Another holder takes the Lease. The operator must be gone before long, and the next one waits until the thief lets go."""

    elects = True

    async def before_write(self, write):
        if self.meets(write):
            await self.run.steal_lease()


class Delay(Fault):
    """Every event of one watch comes later."""

    def __init__(self, text, resource, milliseconds):
        super().__init__(text)
        self.resource, self.delay_s = resource, int(milliseconds) / 1000

    async def on_event(self, watch, event):
        if watch.resource == self.resource and self.armed:
            self.reached = True
            await pause(max(0.0, event.arrived + self.delay_s - time.monotonic()))
        return [event]


class OneEvent(Fault):
    """Something happens at the n-th event of a watch after the mark."""

    def __init__(self, text, resource, number):
        super().__init__(text)
        self.resource, self.number = resource, int(number)
        self._count = 0

    def meets(self, watch, event):
        if self.reached or not self.armed or watch.resource != self.resource or event.kind == "BOOKMARK":
            return False
        if self.resource == "nodes" and event.object["metadata"].get("labels", {}).get(RUN) != self.run.namespace:
            return False  # Another run's.
        self._count += 1
        self.reached = self._count == self.number
        return self.reached


class Cut(OneEvent):
    """The watch's connection breaks in place of the event."""

    async def on_event(self, watch, event):
        if self.meets(watch, event):
            raise Lost
        return [event]


class CutAfter(OneEvent):
    """The event comes, and the watch ends in peace behind it."""

    async def on_event(self, watch, event):
        if self.meets(watch, event):
            raise Ended([event])
        return [event]


class Gone(OneEvent):
    """410 in place of the event: the version has been compacted away."""

    async def on_event(self, watch, event):
        if self.meets(watch, event):
            raise Ended([expired()])
        return [event]


class Hide(OneEvent):
    """The event stays hidden until another of the same object cancels it; then the cache has to be made anew, and it was never seen."""

    delay_s = HIDDEN_S

    async def on_event(self, watch, event):
        if not self.meets(watch, event):
            return [event]
        if await self.run.changes_again(watch.resource, event.object, HIDDEN_S):
            raise Ended([expired()])
        return [event]


class Duplicate(Fault):
    """Every event of one watch comes twice."""

    def __init__(self, text, resource):
        super().__init__(text)
        self.resource = resource

    async def on_event(self, watch, event):
        if watch.resource != self.resource or not self.armed or event.kind == "BOOKMARK":
            return [event]
        self.reached = True
        return [event, event]


class TimeTravel(AtWrite):
    """The operator dies after the write, and the next one meets an API server that is behind and that knows no WatchList: what comes from its cache
    is from before the write ("write") or from before the scenario ("mark"); what is read from etcd is true. After a while it catches up."""

    delay_s = FROZEN_S

    def __init__(self, text, since, key):
        super().__init__(text, key)
        self.since = since
        self._past = None
        self._thaw = asyncio.Event()

    async def after_write(self, write, answer):
        if not self.meets(write):
            return None
        before = int(write.version) - 1 if self.since == "write" and write.version else self.run.mark_version
        self._past = self.run.past(before)
        asyncio.get_running_loop().call_later(FROZEN_S, self._thaw.set)
        await self.run.restart_operator()
        raise Lost

    @property
    def _frozen(self):
        return self._past is not None and not self._thaw.is_set()

    async def on_watch(self, watch):
        if self._frozen and watch.resource in CACHED and watch.query.get("sendInitialEvents") == "true":
            return Answer.failure(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
        return None

    async def on_read(self, resource, query):
        if not self._frozen or resource not in CACHED or query.get("resourceVersion", "") == "":
            return None
        if int(query["resourceVersion"]) > self._past.version:
            return Answer.failure(504, "Timeout", "Too large resource version: played by a test", **{"Retry-After": "1"})
        return self._past.listed(resource, "labelSelector" in query)

    async def on_event(self, watch, event):
        if self._frozen and watch.resource in CACHED and watch.operator == self.run.proxy.operator:
            await self._thaw.wait()
        return [event]


def expired():
    """As an API server says it inside a watch."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410}
    return Event.of("ERROR", {**status, "message": "too old resource version: played by a test"})


KINDS = {
    "none": Fault,
    "kill-before": KillBefore,
    "kill-after": KillAfter,
    "lose-answer": LoseAnswer,
    "lose-call": LoseCall,
    "conflict": Conflict,
    "too-many": TooMany,
    "fail": FailUncommitted,
    "fail-committed": FailCommitted,
    "steal-lease": StealLease,
    "delay": Delay,
    "cut": Cut,
    "cut-after": CutAfter,
    "gone": Gone,
    "hide": Hide,
    "duplicate": Duplicate,
    "time-travel": TimeTravel,
}


def make(text):
    """The fault of a text such as "kill-after:PATCH pods p1 drain 1" or "delay:pods:800"."""
    kind, *arguments = text.split(":")
    if kind not in KINDS:
        raise ValueError(f"there is no fault {kind}: {', '.join(KINDS)}")
    return KINDS[kind](text, *arguments)
