"""sluice-loadgen against a WebSocket server written elsewhere (PyPI `websockets`): what it counts must be what the
server did. Each scenario is a server that behaves in one way and the figures that must come out.

Run: pytest bench/loadgen/test_loadgen.py, with SLUICE_LOADGEN naming the program (default: the release build's).
"""

import asyncio
import hashlib
import json
import os
import pathlib
import socket
import struct
import time
from http import HTTPStatus

import pytest
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOADGEN = os.environ.get("SLUICE_LOADGEN", str(ROOT / "build/release/bench/sluice-loadgen"))
DEADLINE_SECONDS = 60


async def echo(connection):
    async for message in connection:
        await connection.send(message)


class Loadgen:
    """The program under test: commands in, reports out."""

    def __init__(self, process):
        self.process = process
        self.last = None

    @classmethod
    async def start(cls, port, *flags):
        process = await asyncio.create_subprocess_exec(
            LOADGEN, "--url", f"ws://127.0.0.1:{port}", "--report-interval", "50ms", "--seed", "1", *flags,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20)
        return cls(process)

    def command(self, **fields):
        self.process.stdin.write(json.dumps(fields).encode() + b"\n")

    async def next(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_SECONDS)
        assert line, "the load generator ended"
        self.last = json.loads(line)
        return self.last

    async def until(self, condition):
        """The first report for which `condition` holds."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                report = await self.next()
                if "error" not in report and condition(report):
                    return report

    async def stop(self):
        """Stops it and answers the final report."""
        self.command(stop=True)
        while "final" not in (await self.next()):
            pass
        assert await self.process.wait() == 0
        return self.last["final"]


async def run(handler, flags, steps, **server_options):
    """Serves, loads, takes each step in turn: a dict is a command, a function a condition to wait for. Then stops and
    answers the final report."""
    options = {"subprotocols": [Subprotocol("sluice.v1")], "select_subprotocol": select, "compression": None,
               "ping_interval": None, "max_size": 1 << 20} | server_options
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        loadgen = await Loadgen.start(server.sockets[0].getsockname()[1], *flags)
        try:
            for step in steps:
                if isinstance(step, dict):
                    loadgen.command(**step)
                else:
                    await loadgen.until(step)
            return await loadgen.stop()
        finally:
            if loadgen.process.returncode is None:
                loadgen.process.kill()
                await loadgen.process.wait()


def select(_connection, offered):
    return "sluice.v1" if "sluice.v1" in offered else None


def play(*arguments, **options):
    return asyncio.run(run(*arguments, **options))


def assert_clean(final):
    assert final["ends"]["abnormal"] == {"total": 0, "kinds": {}}
    for fault in ("lost", "lost_deaf", "duplicate", "reordered", "corrupt", "outstanding"):
        assert final["echoes"][fault] == 0, fault
    assert final["echoes"]["received"] == final["echoes"]["sent"]
    assert final["left_open"] == 0


def test_clients_come_talk_churn_shrink_and_go():
    final = play(echo, ["--clients", "200", "--over", "500ms", "--rate", "5", "--churn-mean", "3s",
                        "--ping-interval", "500ms"],
                 [lambda r: r["connected"] >= 180 and r["echoes"]["received"] > 2000,
                  lambda r: r["connects"]["reconnects"] > 50 and r["pings"]["answered"] > 200,
                  lambda r: r["target"] == 200])
    assert_clean(final)
    assert final["ends"]["own_1000"] == final["connects"]["opened"]
    assert final["clients"] == 0
    # Every form of a frame's length has been used: 70,000 bytes take more than the 64 KiB of one read.
    assert final["latency_ms"]["total"]["count"] == final["echoes"]["received"]


def test_shrinking_closes_cleanly():
    final = play(echo, ["--rate", "20"],
                 [{"clients": 50}, lambda r: r["connected"] == 50,
                  {"clients": 20, "over": "1s"}, lambda r: r["clients"] == 20])
    assert_clean(final)


def test_hinted_clients_make_before_break():
    async def hint_once(connection):
        # Both ways to negotiate are hinted, a deaf client is not.
        understands = connection.subprotocol == "sluice.v1" or "sluice-hints=1" in connection.request.path
        async for message in connection:
            await connection.send(message)
            if understands and not hint_once.seen.get(connection.id):
                hint_once.seen[connection.id] = True
                hint_once.hints += 1
                if hint_once.hints <= 60:
                    await connection.send(json.dumps({"reconnect": {"after_ms": 2000, "reason": "drain", "resume": ""}}))
    hint_once.seen, hint_once.hints = {}, 0
    final = play(hint_once, ["--clients", "40", "--rate", "10", "--deaf-share", "0.1", "--query-share", "0.5"],
                 [lambda r: r["connects"]["overlaps"] >= 60])
    assert_clean(final)
    assert final["hints"] == 60
    assert final["connects"]["overlaps"] == 60
    assert final["connects"]["reconnects"] == 0


def test_clients_that_are_told_to_go_come_back_elsewhere_and_every_departure_is_noted(tmp_path):
    """As past a Service, which sends nobody to a gateway that drains."""
    async def hint_at_once(connection):
        await connection.send(json.dumps({"reconnect": {"after_ms": 200, "reason": "drain", "resume": ""}}))
        async for message in connection:
            await connection.send(message)

    async def scenario():
        async with serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol("sluice.v1")], select_subprotocol=select, compression=None) as other:
            there = other.sockets[0].getsockname()[1]
            flags = ["--clients", "20", "--deaf-share", "0", "--query-share", "0", "--then-url", f"ws://127.0.0.1:{there}", "--departures", tmp_path / "departures"]
            moved = lambda r: r["connects"]["overlaps"] == 20 and r["ends"]["own_1000"] == 20 and r["connected"] == 20  # noqa: E731
            return await run(hint_at_once, map(str, flags), [moved])
    final = asyncio.run(scenario())
    assert_clean(final)
    assert final["hints"] == 20
    noted = [line.split() for line in (tmp_path / "departures").read_text().splitlines()]
    assert [what for _, what in noted].count("hint") == 20
    assert [what for _, what in noted].count("end") == 40  # Of both connections of each.
    times = [float(at) for at, _ in noted]
    assert times == sorted(times) and abs(times[0] - time.monotonic()) < DEADLINE_SECONDS


def test_deaf_clients_see_only_the_close_and_come_back_later():
    async def close_after_five(connection):
        count = 0
        async for message in connection:
            await connection.send(message)
            count += 1
            if count == 5 and close_after_five.left > 0:
                close_after_five.left -= 1
                await connection.close(1012, "reconnect-after-ms=300")
                return
    close_after_five.left = 20
    final = play(close_after_five, ["--clients", "20", "--deaf-share", "1", "--query-share", "0", "--deaf-rate", "5"],
                 [lambda r: r["ends"]["hinted_1012_deaf"] == 20 and r["connected"] == 20])
    assert final["ends"]["abnormal"]["total"] == 0
    assert final["ends"]["hinted_1012"] == 20
    assert final["connects"]["reconnects"] == 20
    assert final["echoes"]["lost"] == final["echoes"]["lost_deaf"]


def closing_with(code, reason=""):
    async def handler(connection):
        async for _ in connection:
            await connection.close(code, reason)
    return handler


async def cut(connection):
    await connection.recv()
    connection.transport.abort()


async def reset(connection):
    await connection.recv()
    sock = connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


@pytest.mark.parametrize("handler, label", [
    (closing_with(1012), "close 1012 without a hint"),
    (closing_with(1001), "close 1001"),
    (closing_with(1000), "close 1000"),
    (cut, "eof"),
    (reset, "errno ECONNRESET"),
])
def test_every_other_end_is_abnormal_and_loses_what_was_in_flight(handler, label):
    final = play(handler, ["--clients", "5", "--rate", "5"], [lambda r: r["ends"]["abnormal"]["total"] >= 5])
    assert set(final["ends"]["abnormal"]["kinds"]) == {label}
    assert final["echoes"]["lost"] >= 5
    assert final["echoes"]["lost_deaf"] == 0


def test_changed_and_repeated_echoes_are_told_apart():
    async def unfaithful(connection):
        async for message in connection:
            unfaithful.count += 1
            if unfaithful.count % 3 == 0:
                await connection.send(message[:-1] + ("!" if isinstance(message, str) else b"!"))
                continue
            await connection.send(message)
            if unfaithful.count % 3 == 1:
                await connection.send(message)
    unfaithful.count = 0
    final = play(unfaithful, ["--clients", "3", "--rate", "20"],
                 [lambda r: r["echoes"]["corrupt"] > 0 and r["echoes"]["duplicate"] > 0])
    assert final["echoes"]["corrupt"] > 0
    assert final["echoes"]["duplicate"] > 0
    assert final["ends"]["abnormal"]["total"] == 0


def test_refused_clients_come_back_when_asked_to():
    def refuse_first(connection, _request):
        refuse_first.count += 1
        if refuse_first.count > 10:
            return None
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "draining")
        response.headers["Retry-After"] = "1"
        return response
    refuse_first.count = 0
    final = play(echo, ["--clients", "10", "--rate", "5"], [lambda r: r["connected"] == 10],
                 process_request=refuse_first)
    assert_clean(final)
    assert final["connects"]["refused"] == {"total": 10, "kinds": {"status 503": 10}}


def digest(megabytes):
    return hashlib.sha256(bytes((i * 2654435761 >> 24) & 255 for i in range(megabytes << 20))).hexdigest()


def test_tasks_are_kept_in_flight_checked_and_finished():
    right = digest(1)

    async def work(connection):
        assert connection.request.path == "/tasks"
        async for message in connection:
            request = json.loads(message)
            work.count += 1
            answer = {"id": request["id"], "sha256": right, "megabytes": request["digest"]["megabytes"],
                      "queuedMs": 0, "ranMs": 0}
            if work.count % 50 == 7:
                answer = {"id": request["id"], "error": "queue full"}
            if work.count % 50 == 9:
                answer["sha256"] = "0" * 64
            await connection.send(json.dumps(answer))
    work.count = 0
    final = play(work, [],
                 [{"tasks": {"clients": 5, "megabytes": 1, "per_client": 3, "for": "1s"}},
                  lambda r: r["tasks"]["answered"] > 100, lambda r: r["tasks"]["clients"] == 0])
    tasks = final["tasks"]
    assert tasks["lost"] == 0 and tasks["outstanding"] == 0
    assert tasks["refused"] > 0 and tasks["wrong"] > 0
    assert tasks["sent"] == tasks["answered"] + tasks["refused"] + tasks["wrong"]
    assert final["ends"] == {"own_1000": 5, "hinted_1012": 0, "hinted_1012_deaf": 0,
                             "abnormal": {"total": 0, "kinds": {}}}


def test_a_wrong_command_is_answered_and_changes_nothing():
    async def scenario():
        async with serve(echo, "127.0.0.1", 0) as server:
            loadgen = await Loadgen.start(server.sockets[0].getsockname()[1])
            loadgen.command(client=5)
            while "error" not in (await loadgen.next()):
                pass
            assert loadgen.last == {"error": "client is not a field"}
            assert (await loadgen.stop())["connects"]["opened"] == 0
    asyncio.run(scenario())
