"""CPU work over the tasks protocol, checked by a digest of our own."""

import asyncio
import hashlib
import json
import threading

from waiting import eventually
from websockets.asyncio.client import connect

MULTIPLIER = 2654435761
MEGABYTE = 1 << 20


def digest_of_one_megabyte():
    """SHA-256 of the protocol's data, made here: byte i is (i * 2654435761) >> 24 in 64-bit arithmetic, low 8 bits."""
    return hashlib.sha256(bytes((i * MULTIPLIER >> 24) & 0xFF for i in range(MEGABYTE))).hexdigest()


class TaskBurst:
    """Asks for all tasks at once, spread over a few connections, and collects the answers in the background."""

    def __init__(self, url, connections, tasks, megabytes):
        self.digests = set()
        self.failed = []
        self._answered = 0
        self._url, self._connections, self._tasks, self._megabytes = url, connections, tasks, megabytes
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(timeout=10)

    def wait_all_answered(self, within_s):
        return eventually(lambda: self._answered == self._tasks, "an answer to every task", within_s)

    async def _run(self):
        share = self._tasks // self._connections
        await asyncio.gather(*(self._talk(first * share, share) for first in range(self._connections)))

    async def _talk(self, first, count):
        async with connect(self._url, compression=None, proxy=None) as socket:
            for number in range(first, first + count):
                await socket.send(json.dumps({"id": number, "digest": {"megabytes": self._megabytes}}))
            for _ in range(count):
                self._take(json.loads(await socket.recv()))

    def _take(self, answer):
        self._answered += 1
        if "error" in answer:
            self.failed.append(answer)
        else:
            self.digests.add(answer["sha256"])
