"""WebSocket clients written elsewhere (PyPI `websockets`) that talk all the time, and keep account of what they lose."""

import asyncio
import collections
import contextlib
import dataclasses
import json
import random
import threading
import time

import websockets
from waiting import eventually
from websockets.asyncio.client import connect

NORMAL = 1000
RESTART = 1012
HINT_IN_REASON = "reconnect-after-ms="
# Of the time that a hint gives. A client that uses up all of it races with the gateway's close.
GO_WITHIN = 0.8


@dataclasses.dataclass
class Account:
    """What the clients met, all together. `ends` counts how connections ended: "left" (the client's own 1000), "moved" (1000 after a
    hint), "released" (1012 with a hint), and what is abnormal by its code. `hinted_at` and `ended_at` are the times, by time.monotonic(),
    at which a hint was read and a connection had ended: never too early, on a slow machine too late."""

    sent: int = 0
    echoed: int = 0
    lost: int = 0
    duplicates: int = 0
    hints: int = 0
    refused: int = 0
    ends: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    hinted_at: list = dataclasses.field(default_factory=list)
    ended_at: list = dataclasses.field(default_factory=list)

    @property
    def abnormal(self):
        return {how: count for how, count in self.ends.items() if how not in ("left", "moved", "released")}


class Fleet:
    """`count` clients in a thread of their own. Each sends a numbered echo every `interval_s` and, when it is hinted, opens a new
    connection, moves over and closes the old one with 1000.

    `hints`: "subprotocol" (sluice.v1), "query" (?sluice-hints=1) or None, for clients that only know the close code.
    With `reconnect` false a client that lost its place stays away.
    """

    def __init__(self, url, count, hints="subprotocol", interval_s=0.25, reconnect=True, seed=1):
        self.account = Account()
        self._url = url if hints != "query" else f"{url}?sluice-hints=1"
        self._options = {"compression": None, "proxy": None, "subprotocols": ["sluice.v1"] if hints == "subprotocol" else None}
        self._count = count
        self._interval_s = interval_s
        self._reconnect = reconnect
        self._random = random.Random(seed)
        self._connected = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._leave = []
        self._tasks = []

    def __enter__(self):
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_):
        self._call(self._stop(len(self._tasks)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def connected(self):
        """Clients that have a connection now."""
        return len(self._connected)

    def wait_connected(self, count=None, within_s=60):
        count = self._count if count is None else count
        return eventually(lambda: self.connected() == count, f"{count} connected clients", within_s)

    def leave(self, count):
        """As many clients close with 1000 and stay away; returns once they have."""
        self._call(self._stop(count))

    def heard_since(self):
        """A call that tells whether every connected client has had an echo since now."""
        seen = dict.fromkeys(self._connected, 0)
        before = {client: client.echoed for client in seen}
        return lambda: all(client.echoed > count for client, count in before.items() if client in self._connected)

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=120)

    async def _start(self):
        self._leave = [asyncio.Event() for _ in range(self._count)]
        self._tasks = [asyncio.create_task(_Client(self, leave).run()) for leave in self._leave]

    async def _stop(self, count):
        """The last `count` clients."""
        if count == 0:
            return
        leaving, self._leave[-count:] = self._leave[-count:], []
        tasks, self._tasks[-count:] = self._tasks[-count:], []
        for leave in leaving:
            leave.set()
        await asyncio.gather(*tasks)


class _Client:
    """One client: a current connection, and for the time of a move the one before it."""

    def __init__(self, fleet, leave):
        self.echoed = 0
        self._fleet = fleet
        self._account = fleet.account
        self._leave = leave
        self._number = 0

    async def run(self):
        background = set()
        place = await self._open()
        while place is not None:
            self._fleet._connected.add(self)
            how = await self._talk(place)
            if how == "hinted":
                # The old connection is closed when the new one stands and what is under way on it has been answered.
                old, place = place, await self._open()
                retired = asyncio.create_task(self._retire(old, "moved"))
                background.add(retired)
                retired.add_done_callback(background.discard)
                continue
            self._fleet._connected.discard(self)
            if how == "leave":
                await self._retire(place, "left")
                break
            place = await self._open() if self._fleet._reconnect else None
        self._fleet._connected.discard(self)
        await asyncio.gather(*background)

    async def _open(self):
        """A new connection, tried until there is one; None once the client is to leave."""
        while not self._leave.is_set():
            try:
                return _Place(await connect(self._fleet._url, **self._fleet._options), self)
            except (OSError, websockets.InvalidStatus, websockets.InvalidMessage, TimeoutError):
                self._account.refused += 1
                await self._pause(0.2 + self._fleet._random.random() * 0.3)
        return None

    async def _pause(self, seconds):
        """Waits, unless the client is to leave sooner."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leave.wait(), seconds)

    async def _talk(self, place):
        """Echoes until the client leaves ("leave"), goes because it was hinted ("hinted") or its connection has ended ("ended")."""
        clock = asyncio.get_running_loop().time
        go_at = None
        while not self._leave.is_set():
            self._number += 1
            await place.send(str(self._number))
            patience = self._fleet._interval_s if go_at is None else min(self._fleet._interval_s, max(0.0, go_at - clock()))
            events = (self._leave, place.ended, place.hinted) if go_at is None else (self._leave, place.ended)
            await _first_of(events, patience)
            if place.ended.is_set():
                return "ended"
            if place.hinted.is_set() and go_at is None:
                # Somewhere in the time it was given, so that a thousand clients do not come back as one; it talks on until then.
                go_at = clock() + self._fleet._random.random() * GO_WITHIN * place.after_ms / 1000
            if go_at is not None and clock() >= go_at:
                return "hinted"
        return "leave"

    async def _retire(self, place, how):
        await place.close(how)


async def _first_of(events, patience_s):
    """Until one of the events is set, but no longer than `patience_s`."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


class _Place:
    """One connection: what was sent on it and not answered yet, and how it ended."""

    def __init__(self, socket, client):
        self.hinted = asyncio.Event()
        self.ended = asyncio.Event()
        self.after_ms = 0
        self._socket = socket
        self._client = client
        self._account = client._account
        self._waiting = set()
        self._all_answered = asyncio.Event()
        self._how = None
        self._reader = asyncio.create_task(self._read())

    async def send(self, text):
        self._waiting.add(text)
        self._all_answered.clear()
        self._account.sent += 1
        # Where the connection has just ended, the reader knows how; the echo counts as lost there only if it went out before the end.
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._socket.send(text)
            return
        self._waiting.discard(text)
        self._account.sent -= 1

    async def close(self, how):
        """What is under way is answered first; then 1000."""
        if self._waiting:
            answered = asyncio.create_task(self._all_answered.wait())
            await asyncio.wait([answered, self._reader], timeout=10, return_when=asyncio.FIRST_COMPLETED)
            answered.cancel()
        self._how = self._how or how
        await self._socket.close(NORMAL)
        await self._reader

    async def _read(self):
        try:
            async for message in self._socket:
                self._take(message)
        except websockets.ConnectionClosedError:
            pass
        self._account.lost += len(self._waiting)
        self._account.ends[self._ending()] += 1
        self._account.ended_at.append(time.monotonic())
        self.ended.set()

    def _take(self, message):
        if message.startswith("{"):
            self._account.hints += 1
            self._account.hinted_at.append(time.monotonic())
            self.after_ms = json.loads(message)["reconnect"]["after_ms"]
            self.hinted.set()
        elif message in self._waiting:
            self._waiting.discard(message)
            self._account.echoed += 1
            self._client.echoed += 1
            if not self._waiting:
                self._all_answered.set()
        else:
            self._account.duplicates += 1

    def _ending(self):
        code, reason = self._socket.close_code, self._socket.close_reason or ""
        if self._how is not None and code == NORMAL:
            return self._how
        if code == RESTART and (self.hinted.is_set() or reason.startswith(HINT_IN_REASON)):
            return "released"
        return f"{code} {reason}".strip()
