"""A gateway without sockets for its connections: the admin API of sluice-gateway (its answers, its refusals) over a state machine whose
connections leave at the ordered rate. test_scripted_gateway.py holds it to a real one's answers."""

import asyncio
import base64
import contextlib
import datetime
import heapq
import json
import random
import time

from aiohttp import web

from . import pacing
from .account import Account

ADMIN_PORT, METRICS_PORT, TRAFFIC_PORT = 9901, 9902, 8080
CLOSE_CODES = (1001, 1012, 1013)
RATE_MAX = 1e9
JITTER_MS_MAX = 86_400_000


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Drain:
    def __init__(self, order, initial, now):
        self.started_at, self.initial, self.last_taken = time.time(), initial, now
        self.pace = pacing.Pace(initial, order["rate"], order["jitter"], now)
        self.take(order, now)

    def take(self, order, now):
        self.order = order
        self.pace.change(order["rate"], order["jitter"], now)
        self.deadline = now + max(0.0, order["deadline"] - time.time())


class ScriptedGateway:
    """`moved(count)` is called when connections were released: their clients look for another place. Threads: the event loop's."""

    def __init__(self, pod, uid, address, seed, moved=lambda count: None):
        self.address = address
        self.account = Account(pod, uid)
        self.reachable = asyncio.Event()  # Cleared: connections stand, and nothing is answered.
        self.reachable.set()
        self.ended = asyncio.Event()
        self._uid, self._moved = uid, moved
        self._random = random.Random(f"{seed}/{pod}")
        self._waiting = 0
        self._leaving = []  # Times at which released ones go.
        self._drain = None
        self._shed = None
        self._opened = 0
        self._terminating = None  # Until when, in seconds of the wall clock.
        self._timer = None
        self._servers = []

    async def start(self):
        loop = asyncio.get_running_loop()
        for port, handler in ((ADMIN_PORT, self._admin), (METRICS_PORT, self._metrics), (TRAFFIC_PORT, self._traffic)):
            server = web.Server(handler, access_log=None)
            self._servers.append((server, await loop.create_server(server, self.address, port)))

    @property
    def running(self):
        return not self.ended.is_set()

    def connections(self):
        return self._waiting + len(self._leaving)

    def connect(self, count):
        """False where it refuses, as a draining gateway does."""
        if self._drain is not None or not self.running:
            return False
        self._waiting += count
        self._opened += count
        return True

    def terminate(self, grace):
        """SIGTERM: drains by itself within the grace period, and ends."""
        if self._terminating or not self.running:
            return
        now = time.monotonic()
        rate, window = pacing.termination(self.connections(), grace)
        self._terminating = time.time() + window
        if self._drain is None:
            order = {"reason": "Terminating", "deadline": time.time() + window, "rate": rate, "jitter": 0.0, "code": 1012}
            self._drain = Drain(order, self._waiting, now)
        self._drain.deadline = min(self._drain.deadline, now + window)
        self._tick()

    async def kill(self):
        """It dies, and its connections with it."""
        self._close_all("killed")
        await self._end()

    async def _end(self):
        if not self.running:
            return
        self.ended.set()
        if self._timer is not None:
            self._timer.cancel()
        self.reachable.set()
        for server, listener in self._servers:
            listener.close()
            with contextlib.suppress(OSError):
                await server.shutdown(0)

    # --- connections

    def _tick(self):
        """Does what is due and comes again when the next thing is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        drain, now = self._drain, time.monotonic()
        if drain is None or not self.running:
            return
        self._release(drain, now)
        while self._leaving and self._leaving[0] <= now:
            heapq.heappop(self._leaving)
            self.account.closed.append((now, "terminating" if self._terminating else "paced"))
            self._moved(1)
        if now >= drain.deadline:
            self._close_all("terminating" if self._terminating else "deadline")
        if self._terminating and self.connections() == 0:
            self._ending = asyncio.ensure_future(self._end())
            return
        due = [drain.deadline - now] if self.connections() else []
        due += [self._leaving[0] - now] if self._leaving else []
        token = drain.pace.next_token(now) if self._waiting else None
        due += [token] if token is not None else []
        if due:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, min(due)), self._tick)

    def _release(self, drain, now):
        taken = drain.pace.take(self._waiting, now)
        for _ in range(taken):
            if not self._terminating:
                self.account.released.append(now)
            spread = min(drain.pace.spread, max(0.0, drain.deadline - now))
            heapq.heappush(self._leaving, now + self._random.random() * spread)
        self._waiting -= taken
        drain.last_taken = now if taken else drain.last_taken

    def _close_all(self, how):
        count = self.connections()
        self.account.closed += [(time.monotonic(), how)] * count
        self._waiting, self._leaving = 0, []
        if how != "killed" and count:
            self._moved(count)

    # --- the admin API

    async def _admin(self, request):
        await self.reachable.wait()
        try:
            self._authenticate(request)
            answer, status = self._answer(request.method, request.path, await request.read()), 200
        except Refused as refused:
            answer, status = {"error": refused.sentence}, refused.status
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return web.json_response(answer, status=status, headers=headers)

    def _authenticate(self, request):
        """Audience and expiry. The signature is proved where real gateways run: tests/integration/operator."""
        token = request.headers.get("Authorization", "")
        if not token.lower().startswith("bearer "):
            raise Refused(401, "the call needs an Authorization header with a bearer token")
        try:
            claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        except (IndexError, ValueError):
            raise Refused(401, "the token is not readable") from None
        if claims.get("aud") != self._uid or claims.get("exp", 0) < time.time():
            raise Refused(401, "the token is for another pod, or has expired")

    def _answer(self, method, path, body):
        if path == "/admin/v1/state":
            if method != "GET":
                raise Refused(405, "the state is read with GET")
            return self.state()
        if path == "/admin/v1/shed":
            return self._answer_shed(method, body)
        if path == "/admin/v1/node-status" and method == "POST":
            return {}
        if path != "/admin/v1/drain":
            raise Refused(404, "nothing is served at this path")
        if method == "PUT":
            self._start_drain(parse_order(body))
        elif method == "DELETE":
            self._cancel_drain()
        else:
            raise Refused(405, "a drain is started with PUT and taken back with DELETE")
        return self.state()

    def _answer_shed(self, method, body):
        """Its clients understand no hints: it finds nobody to release."""
        if method == "PUT" and self._drain is not None:
            raise Refused(409, "a drain runs, which lets everyone go: nothing is left to shed")
        given = json.loads(body) if method == "PUT" else None
        self._shed = given and {"id": given["id"], "initial": 0, "remaining": 0, "rate": given["ratePerSecond"]}
        return self.state()

    def _start_drain(self, order):
        self._shed = None
        now = time.monotonic()
        if self._drain is None:
            self._drain = Drain(order, self.connections(), now)
        else:
            cut = self._drain.deadline
            self._drain.take(order, now)
            if self._terminating:
                self._drain.deadline = min(self._drain.deadline, cut)
        self._tick()

    def _cancel_drain(self):
        if self._terminating:
            raise Refused(409, "the process is terminating: its drain cannot be taken back")
        self._waiting, self._leaving, self._drain = self.connections(), [], None
        self._tick()

    def state(self):
        self._tick()
        total, drain = self.connections(), None
        if self._drain is not None:
            one, now = self._drain, time.monotonic()
            left = pacing.eta(total, self._waiting, one.order["rate"], one.pace.spread, one.last_taken, one.deadline, now)
            drain = {
                "startedAt": _rfc3339(one.started_at),
                "reason": one.order["reason"],
                "deadline": _rfc3339(min(one.order["deadline"], time.time() + one.deadline - now if self._terminating else one.order["deadline"])),
                "initial": one.initial,
                "remaining": total,
                "hinted": 0,
                "rate": one.order["rate"],
                "etaSeconds": round(left, 1),
            }
        return {
            "connections": {"total": total, "byState": {"idle": 0, "active": total, "dormant": 0, "closing": 0}, "byProtocol": {"ws": total}},
            "drain": drain,
            "shed": self._shed,
            "terminating": {"deadline": _rfc3339(self._terminating)} if self._terminating else None,
            "handshakeP99": 0.001,
            "memory": {"rssBytes": 10_000_000, "kernelBytes": 4096 * total},
            "bytesPerConnection": 0,
            "sessionCost": 1.0,
            "acceptPerSecond": 0.0,
            "opened": self._opened,
            "totals": {
                "handshakesOk": self._opened,
                "handshakesFailed": 0,
                "closesClean": len(self.account.closed),
                "closesAbnormal": 0,
                "resumesOk": 0,
                "resumesFailed": 0,
            },
            "limits": {"descriptors": 20000, "somaxconn": 4096, "conntrackMax": 0, "memoryBytes": 0},
            "tasks": {"queued": 0, "inFlight": 0},
        }

    async def _metrics(self, request):
        await self.reachable.wait()
        if request.path in ("/healthz", "/readyz"):
            return web.Response(text="ok\n")
        return web.Response(text=f'rtgw_connections{{protocol="ws",state="active"}} {self.connections()}\n')

    async def _traffic(self, _):
        """What connects only to see whether somebody listens needs no more than this."""
        await self.reachable.wait()
        return web.Response(status=503 if self._drain is not None else 426)


def parse_order(body):
    """A drain order, with the sentences that the gateway refuses a wrong one with."""
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "the message is not valid JSON")
    if not isinstance(given.get("reason"), str):
        raise Refused(400, "reason must be a string")
    deadline = _parse_rfc3339(given.get("deadline"))
    if deadline is None:
        raise Refused(400, "deadline must be an RFC 3339 time")
    rate = given.get("ratePerSecond")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= RATE_MAX:
        raise Refused(400, "ratePerSecond must be a number from 0 to 1e9")
    if given.get("closeCode", CLOSE_CODES[1]) not in CLOSE_CODES:
        raise Refused(400, "closeCode must be 1001, 1012 or 1013")
    jitter = given.get("hintJitterMs", 0)
    if isinstance(jitter, bool) or not isinstance(jitter, int) or not 0 <= jitter <= JITTER_MS_MAX:
        raise Refused(400, "hintJitterMs must be an integer from 0 to 86400000")
    return {"reason": given["reason"][:256], "deadline": deadline, "rate": rate, "jitter": jitter / 1000, "code": given.get("closeCode", 1012)}


def _parse_rfc3339(text):
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None


def _rfc3339(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
