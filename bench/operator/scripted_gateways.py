#!/usr/bin/env python3
"""The admin API of thousands of gateways that are not there, in one process: every address of this machine on one port answers for a pod of its own, as the contract
(docs/design/0001-main-job.md, "Admin API") says a gateway does. Tokens are not verified, but which pod is meant is read from them: an address is another pod's later.

    scripted_gateways.py PORT [CONNECTIONS]

Each begins with CONNECTIONS (0) and holds them until it is told to drain; then they go at the rate that it is told, evenly.
"""

import asyncio
import base64
import datetime
import json
import sys
import time


class Gateway:
    """One pod's. `now` is time.time(). Pure but for what it is told."""

    def __init__(self, connections):
        self._connections = connections
        self._drain = None
        self._gone = 0.0  # Connections that have left, up to `_at`.
        self._at = 0.0

    def order(self, order, now):
        self._settle(now)
        if self._drain is None:
            self._drain = {"startedAt": _text(now), "initial": self._left()}
            self._at = now
        self._drain |= {"reason": order["reason"], "deadline": order["deadline"], "rate": float(order["ratePerSecond"])}

    def cancel(self, now):
        self._settle(now)
        self._connections, self._gone, self._drain = self._left(), 0.0, None

    def state(self, now):
        self._settle(now)
        left = self._left()
        drain = self._drain and {**self._drain, "remaining": left, "hinted": self._drain["initial"] - left, "etaSeconds": left / max(self._drain["rate"], 1e-9)}
        return {
            "connections": {"total": left, "byState": {"idle": 0, "active": left, "dormant": 0, "closing": 0}, "byProtocol": {"ws": left}},
            "drain": drain or None,
            "handshakeP99": 0.004,
            "memory": {"rssBytes": 20_000_000, "kernelBytes": 0},
            "acceptPerSecond": 0,
            "tasks": {"queued": 0, "inFlight": 0},
        }

    def _settle(self, now):
        if self._drain is not None:
            self._gone = min(self._connections, self._gone + self._drain["rate"] * (now - self._at))
            self._at = now

    def _left(self):
        return self._connections - int(self._gone)


def _text(now):
    return datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def audience(authorization):
    """The UID of the pod that a token is for; "" without a token."""
    parts = authorization.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return ""
    return json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))["aud"]


class Fleet:
    def __init__(self, connections):
        self._connections = connections
        self._gateways = {}

    def answer(self, uid, method, path, body, now):
        """(status, JSON) of the pod `uid`."""
        gateway = self._gateways.setdefault(uid, Gateway(self._connections))
        if (method, path) == ("PUT", "/admin/v1/drain"):
            gateway.order(json.loads(body), now)
        elif (method, path) == ("DELETE", "/admin/v1/drain"):
            gateway.cancel(now)
        elif (method, path) == ("POST", "/bench/forget"):
            # For a benchmark between two of its scenarios.
            self._connections = json.loads(body)["connections"]
            self._gateways.clear()
            return 200, {}
        elif (method, path) != ("GET", "/admin/v1/state"):
            return 404, {"error": f"there is no {method} {path}"}
        return 200, gateway.state(now)

    async def serve(self, reader, writer):
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass  # The client has gone, or speaks no HTTP.
        finally:
            writer.close()

    async def _serve(self, reader, writer):
        # Reached from this machine alone, though it listens on all addresses so that it need not know each pod's: what comes from here has 127.0.0.1 for its address,
        # or the one that it asks for.
        peer = writer.get_extra_info("peername")[0]
        if not peer.startswith("127.") and peer != writer.get_extra_info("sockname")[0]:
            return
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            status, value = self.answer(audience(headers.get("authorization", "")), method, path, body, time.time())
            text = json.dumps(value).encode()
            close = headers.get("connection", "").lower() == "close"
            reply = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Found'}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
            writer.write(reply.encode() + text)
            await writer.drain()
            if close:
                return


async def main(port, connections):
    server = await asyncio.start_server(Fleet(connections).serve, "0.0.0.0", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int((sys.argv + ["0"])[2])))
