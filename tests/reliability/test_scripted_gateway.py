"""The scripted gateway is faithful: the same scenes are played to it and to a real sluice-gateway with real clients, and the answers compared."""

import asyncio
import base64
import contextlib
import datetime
import json
import os
import subprocess
import time

import aiohttp
import pytest
from clients import Fleet
from harness.scripted_gateway import ScriptedGateway
from waiting import eventually

UID = "0b5c0f2e-7c7b-4f43-8f0a-3a51d3b1c001"
CONFIG = "listen: {{address: {0}, port: 8080}}\nadmin: {{address: {0}, port: 9901}}\nmetrics: {{address: {0}, port: 9902}}\n"
NETWORK = f"127.{os.getpid() % 200 + 20}.252"


@pytest.fixture(scope="module")
def loop():
    with contextlib.closing(asyncio.new_event_loop()) as made:
        yield made


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder as the operator's ConfigMap is mounted, and a token that its key has signed."""
    folder = tmp_path_factory.mktemp("keys")
    private, public = folder / "private.pem", folder / "public"
    public.mkdir()
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public / "key.pem"], check=True, capture_output=True)

    def token(uid=UID):
        now = int(time.time())
        claims = {"iss": "sluice-operator", "aud": uid, "iat": now, "exp": now + 60}
        signed = f"{_base64url({'alg': 'EdDSA', 'typ': 'JWT'})}.{_base64url(claims)}"
        (folder / "token").write_text(signed, encoding="ascii")
        words = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", folder / "token"]
        return f"{signed}.{_base64url(subprocess.run(words, check=True, capture_output=True).stdout)}"

    return public, token


def _base64url(data):
    data = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Subject:
    """A gateway of either kind. Calls run on `loop`, where the scripted one lives."""

    def __init__(self, loop, address, token):
        self.loop, self.address, self.token = loop, address, token

    def call(self, method, path, body=None, token=None):
        """(status, the answer's JSON)."""

        async def asked():
            headers = {"Authorization": f"Bearer {token or self.token}"} if token != "" else {}
            async with aiohttp.ClientSession() as session:
                async with session.request(method, f"http://{self.address}:9901{path}", data=body, headers=headers) as answer:
                    return answer.status, await answer.json()

        return self.loop.run_until_complete(asked())

    def state(self):
        status, state = self.call("GET", "/admin/v1/state")
        assert status == 200
        return state

    def drain(self, rate, seconds=60, jitter_ms=0, **more):
        deadline = datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc).isoformat()
        order = {"reason": "ScaleDown", "deadline": deadline, "ratePerSecond": rate, "closeCode": 1012, "hintJitterMs": jitter_ms, **more}
        return self.call("PUT", "/admin/v1/drain", json.dumps(order))


    def shed(self, name, count, rate):
        order = {"id": name, "count": count, "ratePerSecond": rate, "closeCode": 1012, "hintJitterMs": 0}
        return self.call("PUT", "/admin/v1/shed", json.dumps(order))


class Scripted(Subject):
    def begin(self, folder):
        self.gateway = ScriptedGateway("p", UID, self.address, 1)
        self.loop.run_until_complete(self.gateway.start())

    def end(self):
        self.loop.run_until_complete(self.gateway.kill())

    def connect(self, count, hints=None):
        self.gateway.hints = hints is not None
        return self.gateway.connect(count)

    def visit(self, count):
        assert all([self.gateway.visit() for _ in range(count)])

    def terminate(self, grace):
        self.loop.call_soon(self.gateway.terminate, grace)

    def ended(self):
        with contextlib.suppress(TimeoutError):
            self.loop.run_until_complete(asyncio.wait_for(self.gateway.ended.wait(), 0.1))
        return not self.gateway.running


class Real(Subject):
    def begin(self, folder, program, keys):
        (folder / "gateway.yaml").write_text(CONFIG.format(self.address))
        environment = {**os.environ, "SLUICE_POD_UID": UID, "SLUICE_ADMIN_KEYS_DIR": str(keys), "SLUICE_TERMINATION_GRACE_SECONDS": "30"}
        self.process = subprocess.Popen([program, "--config", folder / "gateway.yaml"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.clients = contextlib.ExitStack()
        eventually(self._answers, "the gateway to answer")

    def _answers(self):
        with contextlib.suppress(aiohttp.ClientError):
            return self.state()
        return None

    def end(self):
        self.process.kill()
        self.process.wait()
        self.clients.close()

    def connect(self, count, hints=None):
        """Clients that know the close code only, or hints too; False where the gateway refuses them."""
        fleet = Fleet(f"ws://{self.address}:8080/echo", count, hints=hints, reconnect=False)
        self.clients.enter_context(fleet)
        eventually(lambda: fleet.connected() == count or fleet.account.refused > 0, "an answer to the clients")
        if fleet.account.refused:
            fleet.leave(count)  # They would try again.
        return not fleet.account.refused

    def visit(self, count):
        with Fleet(f"ws://{self.address}:8080/echo", count, hints=None, reconnect=False) as fleet:
            fleet.wait_connected()

    def terminate(self, _):
        self.process.terminate()

    def ended(self):
        return self.process.poll() is not None


@pytest.fixture
def make(loop, keys, build, tmp_path):
    """A gateway of a kind."""
    with contextlib.ExitStack() as stack:

        def made(kind):
            public, token = keys
            if kind == "scripted":
                subject = Scripted(loop, f"{NETWORK}.1", token())
                subject.begin(tmp_path)
            else:
                subject = Real(loop, f"{NETWORK}.2", token())
                subject.begin(tmp_path, build / "gateway" / "sluice-gateway", public)
            stack.callback(subject.end)
            return subject

        yield made


@pytest.fixture(params=["real", "scripted"])
def subject(request, make):
    return make(request.param)


def shape(value):
    """Names and types."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


GOOD = {"reason": "x", "deadline": "2030-01-01T00:00:00Z", "ratePerSecond": 0}


def test_answers_and_refusals_are_the_same(make):
    real, scripted = make("real"), make("scripted")
    for one in (real, scripted):
        one.connect(3)
    calls = [("GET", "/admin/v1/state", None), ("POST", "/admin/v1/state", None), ("GET", "/admin/v1/nothing", None), ("POST", "/admin/v1/drain", "{}")]
    calls += [("PUT", "/admin/v1/drain", body) for body in ("[]", "{}")]
    for wrong in ({"reason": 7}, {"deadline": "soon"}, {"deadline": None}, {"ratePerSecond": -1}, {"ratePerSecond": "1"}, {"closeCode": 1000}, {"hintJitterMs": -1}, {"hintJitterMs": 1.5}):
        calls.append(("PUT", "/admin/v1/drain", json.dumps({**GOOD, **wrong})))
    calls += [("DELETE", "/admin/v1/drain", None), ("PUT", "/admin/v1/drain", json.dumps(GOOD)), ("PUT", "/admin/v1/drain", json.dumps(GOOD)), ("DELETE", "/admin/v1/drain", None)]
    order = {"id": "s-1", "count": 2, "ratePerSecond": 1.0, "closeCode": 1012, "hintJitterMs": 0}
    for wrong in ({"id": ""}, {"id": "a b"}, {"id": "x" * 129}, {"id": 1}, {"count": -1}, {"count": 1.5}, {"count": None}, {"ratePerSecond": -1}, {"closeCode": 1000}):
        calls.append(("PUT", "/admin/v1/shed", json.dumps({**order, **wrong})))
    calls += [("PUT", "/admin/v1/shed", "[]"), ("POST", "/admin/v1/shed", "{}")]
    shed = json.dumps(order)
    calls += [("PUT", "/admin/v1/shed", shed), ("DELETE", "/admin/v1/shed", None)]
    calls += [("PUT", "/admin/v1/drain", json.dumps(GOOD)), ("PUT", "/admin/v1/shed", shed), ("DELETE", "/admin/v1/drain", None)]
    for call in calls:
        (status, expected), (found_status, found) = real.call(*call), scripted.call(*call)
        assert found_status == status, call
        if status == 200:
            assert shape(found) == shape(expected), call
            assert found["connections"] == expected["connections"], call
        elif call[2] != "[]":  # Two libraries' words for what is no object.
            assert found == expected, call
    for token in ("", "not-a-token"):
        assert real.call("GET", "/admin/v1/state", token=token)[0] == scripted.call("GET", "/admin/v1/state", token=token)[0] == 401


def test_a_token_for_another_pod_is_refused(subject, keys):
    assert subject.call("GET", "/admin/v1/state", token=keys[1]("another"))[0] == 401


def remaining_until_none(subject, what, began):
    """[(answered, asked, connections still to go)] of a drain or a shed until none is left. Seconds since `began`."""
    samples = []

    def over():
        asked = time.monotonic()
        remaining = subject.state()[what]["remaining"]
        samples.append((time.monotonic() - began, asked - began, remaining))
        return remaining == 0

    eventually(over, f"the {what}'s end")
    return samples


def test_connections_leave_at_the_ordered_rate(subject):
    assert subject.connect(30)
    began = time.monotonic()
    status, state = subject.drain(rate=20)
    assert status == 200 and state["drain"]["initial"] == 30 and state["drain"]["rate"] == 20
    samples = remaining_until_none(subject, "drain", began)
    # Never faster than ordered: a token in hand, and a tenth of a second's saved up.
    assert all(remaining >= 30 - (20 * at + 3) for at, _, remaining in samples)
    assert 1.2 <= samples[-1][0] and sorted((left for _, _, left in samples), reverse=True) == [left for _, _, left in samples]


def test_an_order_is_idempotent_and_a_new_rate_takes_effect(subject):
    subject.connect(30)
    first = subject.drain(rate=0.001)[1]["drain"]
    again = subject.drain(rate=0.001)[1]["drain"]
    assert (again["startedAt"], again["initial"]) == (first["startedAt"], first["initial"])
    faster = subject.drain(rate=1000)[1]["drain"]
    assert (faster["startedAt"], faster["initial"], faster["rate"]) == (first["startedAt"], 30, 1000)
    eventually(lambda: subject.state()["connections"]["total"] == 0, "the drain's end")


def test_a_shed_releases_as_many_as_it_was_told_to_at_the_ordered_rate(subject):
    assert subject.connect(30, hints="subprotocol")
    began = time.monotonic()
    status, state = subject.shed("s-1", 20, rate=20)
    assert status == 200 and (state["shed"]["id"], state["shed"]["initial"], state["shed"]["rate"]) == ("s-1", 20, 20)
    assert state["drain"] is None
    samples = remaining_until_none(subject, "shed", began)
    assert all(remaining >= 20 - (20 * at + 3) for at, _, remaining in samples)
    assert 0.8 <= samples[-1][0] and sorted((left for _, _, left in samples), reverse=True) == [left for _, _, left in samples]
    # It stays until it is ended, and with its id only the rate changes.
    status, state = subject.shed("s-1", 5, rate=7)
    assert status == 200 and state["shed"] == {"id": "s-1", "initial": 20, "remaining": 0, "rate": 7}
    assert subject.call("DELETE", "/admin/v1/shed")[1]["shed"] is None


def test_another_shed_takes_its_place_and_a_drain_ends_it(subject):
    subject.connect(10, hints="subprotocol")
    assert subject.shed("s-1", 20, rate=0)[1]["shed"] == {"id": "s-1", "initial": 10, "remaining": 10, "rate": 0}
    assert subject.shed("s-2", 4, rate=0)[1]["shed"] == {"id": "s-2", "initial": 4, "remaining": 4, "rate": 0}
    assert subject.connect(2, hints="subprotocol")
    state = subject.drain(rate=0)[1]
    assert state["shed"] is None and state["drain"]["initial"] == 12
    assert subject.call("DELETE", "/admin/v1/drain")[1]["shed"] is None


def test_a_drain_refuses_clients_until_it_is_taken_back(subject):
    subject.connect(5)
    subject.drain(rate=0)
    assert not subject.connect(1)
    status, state = subject.call("DELETE", "/admin/v1/drain")
    assert status == 200 and state["drain"] is None and state["connections"]["total"] == 5
    assert subject.connect(2)
    assert subject.state()["connections"]["total"] == 7


def test_the_deadline_closes_what_is_left(subject):
    subject.connect(10)
    subject.drain(rate=0.5, seconds=2)
    assert subject.state()["connections"]["total"] >= 8
    eventually(lambda: subject.state()["connections"]["total"] == 0, "the deadline")


def test_departures_are_spread_over_the_jitter(subject):
    """A real client that talks may be closed a second before its time, so that its answers are not cut off."""
    subject.connect(20)
    began = time.monotonic()
    subject.drain(rate=1000, jitter_ms=4000)
    eventually(lambda: subject.state()["connections"]["total"] == 0, "the drain's end")
    assert 1.5 <= time.monotonic() - began


def test_without_connections_it_ends_at_once_when_told_to(subject):
    subject.terminate(30)
    eventually(subject.ended, "the gateway's end")


def test_told_to_end_it_drains_and_cannot_be_taken_back(subject):
    subject.connect(40)
    subject.terminate(30)
    eventually(lambda: subject.state()["drain"] is not None, "its own drain")
    assert subject.call("DELETE", "/admin/v1/drain")[0] == 409
    status, state = subject.drain(rate=1000)
    assert status == 200 and state["drain"]["rate"] == 1000
    eventually(subject.ended, "the gateway's end")


def test_who_comes_and_leaves_is_counted(subject):
    subject.visit(3)
    state = eventually(lambda: found if (found := subject.state())["connections"]["total"] == 0 else None, "visitors that have left")
    assert state["opened"] == 3
    assert state["totals"] == {"handshakesOk": 3, "handshakesFailed": 0, "closesClean": 3, "closesAbnormal": 0, "resumesOk": 0, "resumesFailed": 0}
