"""sluice-gateway as a process, met by a WebSocket client that others wrote (PyPI `websockets`).

The program is SLUICE_GATEWAY, else that of SLUICE_BUILD_DIR, else build/release. It needs neither root nor a cluster.
"""

import asyncio
import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import resource
import ssl
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

CONNECTIONS = 2500
PATIENCE_S = 60
DAY_MS = 86_400_000
POD_UID = "pod-uid-1"


class Gateway:
    """A running gateway on free ports of 127.0.0.1."""

    def __init__(self, program, folder, **sections):
        config = {
            "listen": {"address": "127.0.0.1", "port": 0},
            "admin": {"address": "127.0.0.1", "port": 0, "publicKeysDir": str(folder / "keys"), "podUid": POD_UID},
            "metrics": {"address": "127.0.0.1", "port": 0},
            "shards": 2,
            **sections,
        }
        self.folder = folder
        path = folder / "gateway.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML.
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen([program, "--config", path], stderr=self._log)
        try:
            line = self.wait_for_log("gateway started")
        except BaseException:
            self.stop()
            raise
        self.ports = {name: int(port) for name, port in re.findall(r"\b(listen|tls|admin|metrics)=(\d+)", line)}

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def wait_for_log(self, message):
        """The first log line with `message`."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.log().splitlines():
                if f'msg="{message}"' in line:
                    return line
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError(f"no {message!r} in the log:\n{self.log()}")

    def url(self, path, scheme="ws"):
        return f"{scheme}://127.0.0.1:{self.ports['listen' if scheme == 'ws' else 'tls']}{path}"

    def open(self, path, **options):
        return connect(self.url(path), proxy=None, **options)

    def metrics(self):
        """Every series of /metrics by its name with labels."""
        status, text = self._call("metrics", "GET", "/metrics")
        assert status == 200
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def admin(self, method, path, body=None):
        status, text = self._call("admin", method, path, body, {"Authorization": f"Bearer {self._token()}"})
        assert status == 200, text
        return json.loads(text)

    def drain(self, rate, jitter_ms=0, deadline_s=600):
        deadline = datetime.now(timezone.utc) + timedelta(seconds=deadline_s)
        request = {"reason": "ScaleDown", "deadline": deadline.isoformat(), "ratePerSecond": rate, "hintJitterMs": jitter_ms}
        return self.admin("PUT", "/admin/v1/drain", json.dumps(request))

    def _call(self, port, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def _token(self):
        now = int(time.time())
        claims = {"iss": "sluice-operator", "aud": POD_UID, "iat": now, "exp": now + 60}
        signed = f"{_base64url(json.dumps({'alg': 'EdDSA', 'typ': 'JWT'}))}.{_base64url(json.dumps(claims))}"
        message = self.folder / "token"  # Not from a pipe: openssl wants to know its length.
        message.write_text(signed, encoding="ascii")
        words = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.folder / "private.pem", "-in", message]
        signature = subprocess.run(words, capture_output=True, check=True).stdout
        return f"{signed}.{_base64url(signature)}"

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()


def _base64url(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def make_certificate(folder, name):
    """A self-signed certificate for 127.0.0.1 in server.crt and server.key."""
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "new.key", "-out", folder / "new.crt")  # fmt: skip
    (folder / "new.key").rename(folder / "server.key")
    (folder / "new.crt").rename(folder / "server.crt")


@pytest.fixture(name="program", scope="session")
def _program(build_dir):
    path = Path(os.environ.get("SLUICE_GATEWAY") or build_dir / "gateway" / "sluice-gateway").resolve()
    assert path.exists(), f"{path} is missing: build it, or name another in SLUICE_GATEWAY"
    return path


@pytest.fixture(name="start")
def _start(program, tmp_path):
    """Starts gateways with further sections of the configuration; they end with the test."""
    started = []

    def start(**sections):
        folder = tmp_path / str(len(started))
        (folder / "keys").mkdir(parents=True)
        _openssl("genpkey", "-algorithm", "ed25519", "-out", folder / "private.pem")
        _openssl("pkey", "-in", folder / "private.pem", "-pubout", "-out", folder / "keys" / "operator.pem")
        if "tls" in sections:
            make_certificate(folder, "first")
            sections["tls"] = {"port": 0, "certFile": str(folder / "server.crt"), "keyFile": str(folder / "server.key")}
        started.append(Gateway(program, folder, **sections))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()


async def close_of(websocket):
    """Waits for the end; the close code and reason that the gateway sent (1006 where it sent none)."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(websocket.recv(), PATIENCE_S)
    frame = websocket.protocol.close_rcvd
    return (frame.code, frame.reason) if frame else (1006, "")


async def until(condition):
    """Asks `condition`, a call that blocks, until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):
            pass


def test_messages_come_back_and_compression_is_declined(start):
    gateway = start()

    async def talk():
        async with gateway.open("/echo", compression="deflate", subprotocols=["sluice.v1"]) as websocket:
            assert websocket.protocol.extensions == []
            assert websocket.subprotocol == "sluice.v1"
            for message in ("", "hello", "ä" * 50_000, b"", bytes(range(256)), b"x" * 1_000_000):
                await websocket.send(message)
                assert await websocket.recv() == message
            await websocket.send(["frag", "men", "ted"])
            assert await websocket.recv() == "fragmented"
            await asyncio.wait_for(await websocket.ping(), PATIENCE_S)
        assert websocket.close_code == 1000

    asyncio.run(talk())
    assert gateway.metrics()['rtgw_connections_closed_total{reason="client"}'] == 1


def test_violations_get_their_close_codes(start):
    gateway = start(limits={"messageBytes": "64KiB"})

    async def violate(send):
        async with gateway.open("/echo") as websocket:
            await send(websocket)
            return (await close_of(websocket))[0]

    async def unmasked(websocket):
        websocket.transport.write(b"\x81\x02hi")

    async def reserved_bit(websocket):
        websocket.transport.write(b"\xc1\x80\x00\x00\x00\x00")

    async def bad_text(websocket):
        await websocket.send(b"\xff", text=True)

    async def too_large(websocket):
        await websocket.send(b"x" * 70_000)

    assert asyncio.run(violate(unmasked)) == 1002
    assert asyncio.run(violate(reserved_bit)) == 1002
    assert asyncio.run(violate(bad_text)) == 1007
    assert asyncio.run(violate(too_large)) == 1009


def test_other_paths_are_not_found(start):
    gateway = start()

    async def knock():
        with pytest.raises(InvalidStatus) as refused:
            await gateway.open("/nothing")
        return refused.value.response

    response = asyncio.run(knock())
    assert response.status_code == 404
    assert b"path" in response.body


def test_topics_reach_subscribers(start):
    gateway = start()

    async def talk():
        async with gateway.open("/topics") as publisher, contextlib.AsyncExitStack() as stack:
            subscribers = [await stack.enter_async_context(gateway.open("/topics")) for _ in range(20)]
            for subscriber in subscribers:
                await subscriber.send('{"op":"subscribe","topic":"t"}')
                assert json.loads(await subscriber.recv()) == {"ok": "subscribe", "topic": "t"}
            await publisher.send('{"op":"publish","topic":"t","data":{"n":1}}')
            assert json.loads(await publisher.recv()) == {"ok": "publish", "topic": "t"}
            for subscriber in subscribers:
                assert json.loads(await subscriber.recv()) == {"topic": "t", "data": {"n": 1}}

    asyncio.run(talk())


def test_tasks_compute_what_the_formula_says(start):
    gateway = start(tasks={"workers": 2})
    data = bytes(((i * 2654435761) >> 24) & 255 for i in range(1 << 20))

    async def talk():
        async with gateway.open("/tasks") as websocket:
            for number in range(10):
                await websocket.send(json.dumps({"id": number, "digest": {"megabytes": 1}}))
            return [json.loads(await websocket.recv()) for _ in range(10)]

    answers = asyncio.run(talk())
    assert sorted(answer["id"] for answer in answers) == list(range(10))
    assert {answer["sha256"] for answer in answers} == {hashlib.sha256(data).hexdigest()}


def test_thousands_of_connections_talk_at_once(start):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    gateway = start()
    idle_rss = gateway.admin("GET", "/admin/v1/state")["memory"]["rssBytes"]

    async def one(number, connected, everyone):
        async with gateway.open("/echo", compression=None, open_timeout=PATIENCE_S, ping_interval=None) as websocket:
            connected.append(number)
            if len(connected) == CONNECTIONS:
                everyone.set()
            await asyncio.wait_for(everyone.wait(), 5 * PATIENCE_S)
            for turn in range(3):
                await websocket.send(f"{number}:{turn}")
                assert await websocket.recv() == f"{number}:{turn}"
        return websocket.close_code

    async def crowd():
        everyone = asyncio.Event()
        connected = []
        clients = [asyncio.create_task(one(number, connected, everyone)) for number in range(CONNECTIONS)]
        await asyncio.wait_for(everyone.wait(), 5 * PATIENCE_S)
        state = await asyncio.to_thread(gateway.admin, "GET", "/admin/v1/state")
        return state, await asyncio.gather(*clients)

    state, codes = asyncio.run(crowd())
    print(f"{state['bytesPerConnection']} bytes of memory a connection, the kernel's included")
    assert state["connections"]["byState"]["active"] == CONNECTIONS
    assert set(codes) == {1000}
    print(f"{(state['memory']['rssBytes'] - idle_rss) / CONNECTIONS:.0f} bytes of resident memory a connection")
    metrics = gateway.metrics()
    assert metrics["rtgw_messages_received_total"] == 3 * CONNECTIONS
    assert metrics['rtgw_handshakes_total{result="ok"}'] == CONNECTIONS
    assert metrics["rtgw_send_queue_bytes"] == 0
    # As many as come at once: the usual limits let them all in.
    assert metrics["rtgw_admission_rejected_total"] == 0
    assert state["opened"] == CONNECTIONS


def test_a_drain_hints_closes_and_can_be_taken_back(start):
    gateway = start()

    async def talk():
        async with gateway.open("/echo", subprotocols=["sluice.v1"]) as hinted, gateway.open("/echo") as plain:
            # A day, and a deadline beyond it: nobody's time comes while this test looks.
            state = await asyncio.to_thread(gateway.drain, 1000, DAY_MS, DAY_MS // 1000 + 3600)
            assert state["drain"]["initial"] == 2
            hint = json.loads(await asyncio.wait_for(hinted.recv(), PATIENCE_S))
            assert hint["reconnect"]["reason"] == "drain"
            assert 0 <= hint["reconnect"]["after_ms"] < DAY_MS
            with pytest.raises(InvalidStatus) as refused:
                await gateway.open("/echo")
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "1"

            state = await asyncio.to_thread(gateway.admin, "DELETE", "/admin/v1/drain")
            assert state["drain"] is None
            async with gateway.open("/echo"):
                for websocket in (hinted, plain):
                    await websocket.send("still here")
                    assert await websocket.recv() == "still here"

            await asyncio.to_thread(gateway.drain, 1000)
            code, reason = await close_of(plain)
            assert code == 1012
            assert reason.startswith("reconnect-after-ms=")
            assert (await close_of(hinted))[0] == 1012  # Hinted again, and still there when its time was over.

    asyncio.run(talk())
    assert gateway.admin("GET", "/admin/v1/state")["drain"]["remaining"] == 0


def test_a_shed_moves_some_of_those_who_understand_hints(start):
    gateway = start()
    order = {"id": "r-1", "count": 6, "ratePerSecond": 1000, "closeCode": 1012, "hintJitterMs": 0}

    async def talk():
        async with contextlib.AsyncExitStack() as stack:
            able = [await stack.enter_async_context(gateway.open("/echo", subprotocols=["sluice.v1"])) for _ in range(10)]
            deaf = [await stack.enter_async_context(gateway.open("/echo")) for _ in range(5)]
            state = await asyncio.to_thread(gateway.admin, "PUT", "/admin/v1/shed", json.dumps(order))
            assert state["shed"] == {"id": "r-1", "initial": 6, "remaining": 6, "rate": 1000}
            # The first one that is told to go moves over, make before break; the others stay until they are closed.
            waiting = {asyncio.create_task(websocket.recv()): websocket for websocket in able}
            done, _ = await asyncio.wait(waiting, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            first = waiting[next(iter(done))]
            hint = json.loads(next(iter(done)).result())
            assert hint == {"reconnect": {"after_ms": 0, "reason": "rebalance", "resume": ""}}
            async with gateway.open("/echo"):
                await first.close()
            await until(lambda: gateway.admin("GET", "/admin/v1/state")["shed"]["remaining"] == 0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            codes = [websocket.protocol.close_rcvd and websocket.protocol.close_rcvd.code for websocket in able]
            assert sorted(code or 0 for code in codes) == [0] * 4 + [1000] + [1012] * 5
            for websocket in deaf:
                await websocket.send("still here")
                assert await websocket.recv() == "still here"

    asyncio.run(talk())
    state = gateway.admin("DELETE", "/admin/v1/shed")
    assert state["shed"] is None
    assert gateway.metrics()['rtgw_connections_closed_total{reason="shed"}'] == 5
    assert state["totals"]["closesAbnormal"] == 0


def test_a_storm_is_let_in_at_a_pace_and_beyond_the_queue_told_when_to_come_back(start):
    gateway = start(admission={"perSecond": 20, "perSecondMax": 20, "queue": 30})
    clients = 60

    async def one(opened, refused):
        try:
            async with gateway.open("/echo", open_timeout=PATIENCE_S) as websocket:
                opened.append(time.monotonic())
                await websocket.send("here")
                assert await websocket.recv() == "here"
        except InvalidStatus as error:
            assert error.response.status_code == 503
            refused.append(int(error.response.headers["Retry-After"]))

    async def storm():
        opened, refused = [], []
        began = time.monotonic()
        await asyncio.gather(*(one(opened, refused) for _ in range(clients)))
        return sorted(at - began for at in opened), refused

    opened, refused = asyncio.run(storm())
    assert len(opened) + len(refused) == clients
    # Whoever is connected when the storm begins: what a tenth of a second has saved up, and the queue.
    assert len(opened) >= 33
    assert refused
    assert all(1 <= seconds <= 30 for seconds in refused)
    assert len(set(refused)) > 1
    for number, at in enumerate(opened):
        assert number <= 20 * at + 3, f"{number} were in after {at:.2f} s"
    metrics = gateway.metrics()
    assert metrics["rtgw_admission_rejected_total"] == len(refused)
    assert metrics["rtgw_admission_waiting"] == 0
    assert metrics["rtgw_admission_rate"] == 20
    totals = gateway.admin("GET", "/admin/v1/state")["totals"]
    assert (totals["handshakesOk"], totals["handshakesFailed"]) == (len(opened), len(refused))


def test_sigterm_lets_clients_go_and_ends_the_process(start):
    gateway = start(drain={"hintJitter": "0s", "terminationGrace": "10s"})

    async def talk():
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(gateway.open("/echo")) for _ in range(20)]
            gateway.process.terminate()
            return await asyncio.gather(*(close_of(client) for client in clients))

    closes = asyncio.run(talk())
    assert {code for code, _ in closes} == {1012}
    assert gateway.process.wait(PATIENCE_S) == 0
    assert "drained=true" in gateway.log()


def test_tls_and_a_certificate_that_changes(start):
    gateway = start(tls={})

    def trusting(version=None):
        context = ssl.create_default_context(cafile=gateway.folder / "server.crt")
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    async def talk(context):
        async with connect(gateway.url("/echo", "wss"), ssl=context, proxy=None) as websocket:
            for size in (0, 10, 20_000, 1_000_000):
                await websocket.send(b"t" * size)
                assert await websocket.recv() == b"t" * size
            return websocket.transport.get_extra_info("ssl_object").version()

    assert asyncio.run(talk(trusting(ssl.TLSVersion.TLSv1_2))) == "TLSv1.2"
    assert asyncio.run(talk(trusting(ssl.TLSVersion.TLSv1_3))) == "TLSv1.3"
    make_certificate(gateway.folder, "second")
    gateway.wait_for_log("certificate reloaded")
    assert asyncio.run(talk(trusting())) == "TLSv1.3"


@pytest.mark.parametrize(
    "text, line",
    [
        ("listen:\n  prot: 1\n", r".*gateway\.yaml:2: listen\.prot: .+"),
        ("shards: many\n", r".*gateway\.yaml:1: shards: .+"),
        ("log: {level: loud}\n", r".*gateway\.yaml:1: log\.level: .+"),
        ("listen: {\n", r".*gateway\.yaml:\d+: .+"),
    ],
    ids=["unknown field", "wrong type", "out of range", "no YAML"],
)
@pytest.mark.parametrize("check", [True, False], ids=["--check", "start"])
def test_a_broken_configuration_is_one_line(program, tmp_path, text, line, check):
    path = tmp_path / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    words = [program, "--config", path, *(["--check"] if check else [])]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 1
    assert re.fullmatch(line, ended.stderr.strip()), ended.stderr


def test_the_example_is_valid(program):
    example = Path(__file__).parents[2] / "examples" / "standalone.yaml"
    assert subprocess.run([program, "--config", example, "--check"], check=False).returncode == 0
