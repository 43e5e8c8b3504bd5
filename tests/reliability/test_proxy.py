"""The proxy and its faults, between a client of the tests and a server that says what a test wants."""

import asyncio
import contextlib
import json
import ssl
import subprocess
import time
import types

import aiohttp
import pytest
from aiohttp import web
from harness import faults
from harness.names import Names
from harness.proxy import Proxy
from harness.thing import RUN

NAMESPACE = "/api/v1/namespaces/n"


class Server:
    """An API server's manner of speech: answers are told to it, a watch sends what is put into `events`."""

    def __init__(self):
        self.calls = []
        self.events = asyncio.Queue()

    async def handle(self, request):
        self.calls.append((request.method, request.path_qs))
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "7"}}, status=201 if request.method == "POST" else 200)
        response = web.StreamResponse()
        await response.prepare(request)
        while (event := await self.events.get()) is not None:
            await response.write(json.dumps(event).encode() + b"\n")
        return response


def pod_event(number, kind="ADDED"):
    return {"type": kind, "object": {"metadata": {"name": f"pod-{number}", "resourceVersion": str(number)}}}


@contextlib.asynccontextmanager
async def between(certificate, fault_text="none", marked=True):
    """(server, proxy, fault, call) with the fault in force."""
    server, fault = Server(), faults.make(fault_text)
    killed = []

    async def restart():
        killed.append(time.monotonic())

    fault.run = types.SimpleNamespace(marked=marked, restart_operator=restart, killed=killed, proxy=None, mark_version=3)
    listener = await asyncio.get_running_loop().create_server(web.Server(server.handle), "127.0.0.1", 0)
    kube = types.SimpleNamespace(server=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", new_session=aiohttp.ClientSession, kubeconfig={})
    proxy = Proxy(kube, Names().of, fault)
    fault.run.proxy = proxy
    await proxy.start(*certificate)
    trust = ssl.create_default_context(cafile=certificate[0])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:

        def call(method, path, **words):
            return session.request(method, f"https://127.0.0.1:{proxy.port}{path}", **words)

        yield server, proxy, fault, call
    server.events.put_nowait(None)
    await proxy.stop()
    listener.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*words, "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True)
    return folder / "crt", folder / "key"


def drain_patch():
    return {"metadata": {"annotations": {"sluice.dev/drain": "{}"}}}


def test_writes_are_kept_in_order_under_names_that_mean_the_same_in_every_run(certificate):
    async def body():
        async with between(certificate) as (server, proxy, _, call):
            for method, path, thing in (
                ("POST", "/pods", {"metadata": {"name": "edge-x7"}}),
                ("POST", "/pods?dryRun=All", {"metadata": {"name": "edge-check"}}),
                ("PATCH", "/pods/edge-x7", drain_patch()),
                ("PATCH", "/pods/edge-x7", drain_patch()),
                ("POST", "/events", {"metadata": {"name": "e.1"}, "reason": "DrainStarted"}),
                ("PATCH", "/events/e.1", {}),
                ("DELETE", "/pods/edge-x7", {}),
            ):
                async with call(method, NAMESPACE + path, json=thing) as answer:
                    assert answer.status in (200, 201)
            assert [write.key for write in proxy.writes] == [
                "POST pods p0 1",
                "POST pods template 1",
                "PATCH pods p0 drain 1",
                "PATCH pods p0 drain 2",
                "POST events DrainStarted 1",
                "PATCH events DrainStarted 1",
                "DELETE pods p0 1",
            ]
            assert [write.dry for write in proxy.writes].count(True) == 1
            assert proxy.writes[0].version == "7" and proxy.writes[2].digest == proxy.writes[3].digest
            assert server.calls[1] == ("POST", NAMESPACE + "/pods?dryRun=All")

    asyncio.run(body())


KEY = "PATCH pods p0 drain 1"


@pytest.mark.parametrize(
    "fault, status, reaches_server, kills",
    [
        (f"kill-before:{KEY}", None, False, 1),
        (f"kill-after:{KEY}", None, True, 1),
        (f"lose-answer:{KEY}", None, True, 0),
        (f"lose-call:{KEY}", None, False, 0),
        (f"conflict:{KEY}", 409, False, 0),
        (f"too-many:{KEY}", 429, False, 0),
        (f"fail:{KEY}", 500, False, 0),
        (f"fail-committed:{KEY}", 500, True, 0),
    ],
)
def test_what_happens_at_a_write(certificate, fault, status, reaches_server, kills):
    async def body():
        async with between(certificate, fault) as (server, _, acting, call):
            async def ask():
                try:
                    async with call("PATCH", NAMESPACE + "/pods/edge-x7", json=drain_patch()) as answer:
                        return answer.status
                except aiohttp.ClientError:
                    return None

            assert await ask() == status
            assert acting.reached and len(acting.run.killed) == kills
            assert bool(server.calls) == reaches_server
            # Once only: the same call later, or another, goes through.
            assert await ask() == 200

    asyncio.run(body())


def test_nothing_happens_before_the_mark(certificate):
    async def body():
        async with between(certificate, f"fail:{KEY}", marked=False) as (_, _, fault, call):
            async with call("PATCH", NAMESPACE + "/pods/edge-x7", json=drain_patch()) as answer:
                assert answer.status == 200
            assert not fault.reached

    asyncio.run(body())


@pytest.mark.parametrize(
    "fault, expected",
    [
        ("none", ["pod-1", "pod-2", "pod-3"]),
        ("duplicate:pods", ["pod-1", "pod-1", "pod-2", "pod-2", "pod-3", "pod-3"]),
        ("cut:pods:2", ["pod-1", "cut"]),
        ("cut-after:pods:2", ["pod-1", "pod-2"]),
        ("gone:pods:2", ["pod-1", 410]),
        ("gone:services:2", ["pod-1", "pod-2", "pod-3"]),
    ],
)
def test_what_happens_in_a_watch(certificate, fault, expected):
    async def body():
        async with between(certificate, fault) as (server, _, _, call):
            for number in (1, 2, 3):
                server.events.put_nowait(pod_event(number))
            server.events.put_nowait(None)
            seen = []
            try:
                async with call("GET", NAMESPACE + "/pods?watch=true&resourceVersion=0") as answer:
                    async for line in answer.content:
                        event = json.loads(line)
                        seen.append(event["object"]["code"] if event["type"] == "ERROR" else event["object"]["metadata"]["name"])
            except aiohttp.ClientError:
                seen.append("cut")
            assert seen == expected

    asyncio.run(body())


def test_of_nodes_only_those_of_the_run_are_disturbed(certificate):
    async def body():
        async with between(certificate, "cut:nodes:2") as (server, _, fault, call):
            fault.run.namespace = "mine"
            for name, run in (("a", "mine"), ("shared", None), ("c", "another"), ("d", "mine"), ("e", "mine")):
                labels = {"labels": {RUN: run}} if run else {}
                server.events.put_nowait({"type": "MODIFIED", "object": {"metadata": {"name": name, "resourceVersion": "1", **labels}}})
            seen = []
            with contextlib.suppress(aiohttp.ClientError):
                async with call("GET", "/api/v1/nodes?watch=true") as answer:
                    async for line in answer.content:
                        seen.append(json.loads(line)["object"]["metadata"]["name"])
            assert fault.reached and seen == ["a", "shared", "c"]

    asyncio.run(body())


@pytest.mark.parametrize(
    "annotations, purpose",
    [
        ({"sluice.dev/drain": "{}"}, " drain"),
        ({"sluice.dev/drain": '{"frozenAt": "2026-01-01T00:00:00Z"}'}, " freeze"),
        ({"sluice.dev/drain": None}, " undrain"),
        ({"sluice.dev/health": '{"phase": "Offline"}'}, " Offline"),
        ({"sluice.dev/health": None}, " labels"),
        ({"sluice.dev/drain-rate": "3"}, " rate"),
        ({}, " labels"),
    ],
)
def test_a_patch_of_a_pod_is_called_by_what_it_is_for(annotations, purpose):
    body = json.dumps({"metadata": {"annotations": annotations}}).encode()
    assert Names().of("PATCH", {"resource": "pods", "name": "edge-x7", "sub": None}, body) == f"PATCH pods p0{purpose}"


def test_a_delayed_event_comes_later_and_does_not_delay_the_next_twice(certificate):
    async def body():
        async with between(certificate, "delay:pods:400") as (server, _, _, call):
            async with call("GET", NAMESPACE + "/pods?watch=true") as answer:
                began = time.monotonic()
                for number in (1, 2, 3):
                    server.events.put_nowait(pod_event(number))
                for _ in range(3):
                    await answer.content.readline()
                assert 0.4 <= time.monotonic() - began < 1.1

    asyncio.run(body())


def test_a_fault_without_a_kind_is_named():
    with pytest.raises(ValueError, match="there is no fault nonsense"):
        faults.make("nonsense:1")
