"""A gateway without sockets for its connections: the admin API of sluice-gateway (its answers, its refusals) over a state machine whose
connections leave at the ordered rate. test_scripted_gateway.py holds it to a real one's answers."""

import asyncio
import base64
import contextlib
import heapq
import json
import random
import time

from aiohttp import web

from . import pacing
from .account import Account
from .admin_orders import Refused, parse_drain, parse_shed, rfc3339

ADMIN_PORT, METRICS_PORT, TRAFFIC_PORT = 9901, 9902, 8080


class Drain:
    def __init__(self, order, initial, now):
        self.started_at, self.initial, self.last_taken = time.time(), initial, now
        self.pace = pacing.Pace(initial, order["rate"], order["jitter"], now)
        self.take(order, now)

    def take(self, order, now):
        self.order = order
        self.pace.change(order["rate"], order["jitter"], now)
        self.deadline = now + max(0.0, order["deadline"] - time.time())


class Shed:
    def __init__(self, order, able, now):
        self.id, self.initial = order["id"], min(order["count"], able)
        self.left = self.initial
        self.pace = pacing.Pace(self.initial, order["rate"], order["jitter"], now)
        self.order = order

    def take(self, order, now):
        """Only the rate changes."""
        self.order = {**self.order, "rate": order["rate"]}
        self.pace.change(order["rate"], self.order["jitter"], now)


class ScriptedGateway:
    """`moved(count)` is called when connections were released: their clients look for another place. `hints`: its clients understand them. Where it
    is not `sound` every handshake fails. Threads: the event loop's."""

    def __init__(self, pod, uid, address, seed, moved=lambda count: None, hints=False, sound=True):
        self.address = address
        self.account = Account(pod, uid)
        self.reachable = asyncio.Event()  # Cleared: connections stand, and nothing is answered.
        self.reachable.set()
        self.ended = asyncio.Event()
        self.hints = hints
        self._uid, self._moved, self._sound = uid, moved, sound
        self._random = random.Random(f"{seed}/{pod}")
        self._waiting = 0
        self._leaving = []  # Times at which released ones go.
        self._drain = None
        self._shed = None
        self._opened = self._failed = self._visits = 0
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

    @property
    def drains(self):
        return self._drain is not None

    def connections(self):
        return self._waiting + len(self._leaving)

    def connect(self, count):
        """False where it refuses, as a draining gateway does."""
        if self._drain is not None or not self.running:
            return False
        if not self._sound:
            self._failed += count
            return False
        self._waiting += count
        self._opened += count
        return True

    def visit(self):
        """A client that comes, and leaves as it should; False as connect() says it."""
        if not self.connect(1):
            return False
        self._waiting -= 1
        self._visits += 1
        return True

    def terminate(self, grace):
        """SIGTERM: drains by itself within the grace period, and ends."""
        if self._terminating or not self.running:
            return
        now = time.monotonic()
        rate, window = pacing.termination(self.connections(), grace)
        self._terminating = time.time() + window
        self._end_shed()
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
        source = drain or self._shed
        if source is None or not self.running:
            return
        self._release(source, now)
        while self._leaving and self._leaving[0] <= now:
            heapq.heappop(self._leaving)
            self.account.closed.append((now, "terminating" if self._terminating else "paced"))
            self._moved(1)
        if drain is not None and now >= drain.deadline:
            self._close_all("terminating" if self._terminating else "deadline")
        if self._terminating and self.connections() == 0:
            self._ending = asyncio.ensure_future(self._end())
            return
        due = [drain.deadline - now] if drain is not None and self.connections() else []
        due += [self._leaving[0] - now] if self._leaving else []
        token = source.pace.next_token(now) if self._may_go() else None
        due += [token] if token is not None else []
        if due:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, min(due)), self._tick)

    def _may_go(self):
        """Connections that are still to be released."""
        return self._waiting if self._drain is not None else min(self._waiting, self._shed.left) if self._shed else 0

    def _release(self, source, now):
        taken = source.pace.take(self._may_go(), now)
        for _ in range(taken):
            if not self._terminating:
                self.account.released.append(now)
            spread = source.pace.spread if source is self._shed else min(source.pace.spread, max(0.0, source.deadline - now))
            heapq.heappush(self._leaving, now + self._random.random() * spread)
        self._waiting -= taken
        if source is self._shed:
            source.left -= taken
        elif taken:
            source.last_taken = now

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
            body = await request.read()
        except ConnectionResetError:  # Whoever has asked has given up meanwhile.
            raise asyncio.CancelledError from None
        try:
            self._authenticate(request)
            answer, status = self._answer(request.method, request.path, body), 200
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
            self._start_drain(parse_drain(body))
        elif method == "DELETE":
            self._cancel_drain()
        else:
            raise Refused(405, "a drain is started with PUT and taken back with DELETE")
        return self.state()

    def _answer_shed(self, method, body):
        if method not in ("PUT", "DELETE"):
            raise Refused(405, "a shed is started with PUT and ended with DELETE")
        order, now = parse_shed(body) if method == "PUT" else None, time.monotonic()
        if order is None:
            self._end_shed()
        elif self._drain is not None:
            raise Refused(409, "a drain runs, which lets everyone go: nothing is left to shed")
        elif self._shed is not None and self._shed.id == order["id"]:
            self._shed.take(order, now)
        else:
            self._end_shed()
            self._shed = Shed(order, self._waiting if self.hints else 0, now)
        return self.state()

    def _end_shed(self):
        """Those that were hinted and have not gone stay."""
        if self._shed is not None:
            self._waiting, self._leaving, self._shed = self.connections(), [], None

    def _start_drain(self, order):
        self._end_shed()
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
                "startedAt": rfc3339(one.started_at),
                "reason": one.order["reason"],
                "deadline": rfc3339(min(one.order["deadline"], time.time() + one.deadline - now if self._terminating else one.order["deadline"])),
                "initial": one.initial,
                "remaining": total,
                "hinted": 0,
                "rate": one.order["rate"],
                "etaSeconds": round(left, 1),
            }
        return {
            "connections": {"total": total, "byState": {"idle": 0, "active": total, "dormant": 0, "closing": 0}, "byProtocol": {"ws": total}},
            "drain": drain,
            "shed": self._shed and self._shed_state(),
            "terminating": {"deadline": rfc3339(self._terminating)} if self._terminating else None,
            "handshakeP99": 0.001,
            "memory": {"rssBytes": 10_000_000, "kernelBytes": 4096 * total},
            "bytesPerConnection": 0,
            "sessionCost": 1.0,
            "acceptPerSecond": 0.0,
            "opened": self._opened,
            "totals": {
                "handshakesOk": self._opened,
                "handshakesFailed": self._failed,
                "closesClean": len(self.account.closed) + self._visits,
                "closesAbnormal": 0,
                "resumesOk": 0,
                "resumesFailed": 0,
            },
            "limits": {"descriptors": 20000, "somaxconn": 4096, "conntrackMax": 0, "memoryBytes": 0},
            "tasks": {"queued": 0, "inFlight": 0},
        }

    def _shed_state(self):
        shed = self._shed
        return {"id": shed.id, "initial": shed.initial, "remaining": self._may_go() + len(self._leaving), "rate": shed.order["rate"]}

    async def _metrics(self, request):
        await self.reachable.wait()
        if request.path in ("/healthz", "/readyz"):
            return web.Response(text="ok\n")
        return web.Response(text=f'rtgw_connections{{protocol="ws",state="active"}} {self.connections()}\n')

    async def _traffic(self, _):
        """What connects only to see whether somebody listens needs no more than this."""
        await self.reachable.wait()
        return web.Response(status=503 if self._drain is not None else 426)
