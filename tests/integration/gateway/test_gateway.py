"""What clients meet at a gateway: messages, protocols, violations; thousands of them at once; TLS."""

import asyncio
import contextlib
import hashlib
import json
import resource
import ssl

import pytest
from gateway_process import PATIENCE_S, close_of, make_certificate
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

CONNECTIONS = 2500


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
