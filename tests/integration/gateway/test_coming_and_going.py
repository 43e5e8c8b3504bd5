"""How many come in at a time, and how they are let go: admission, drain, shed, SIGTERM."""

import asyncio
import contextlib
import json
import time

import pytest
from gateway_process import PATIENCE_S, close_of, until
from websockets.exceptions import InvalidStatus

DAY_MS = 86_400_000


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
