"""`kubectl rtgw top` and `events`."""

import signal
import subprocess

from waiting import eventually


def test_top(edge, clients, rtgw):
    first, second, _ = edge.pods()
    clients(first, 8)
    clients(second, 2)
    top = eventually(lambda: (lambda rows: rows if sum(row["connections"] for row in rows) == 10 else None)(rtgw.json("top", "edge", "--sort-by", "connections")["items"]), "ten connections")
    assert [row["connections"] for row in top] == [8, 2, 0]
    assert top[0]["pod"] == first.metadata.name and top[0]["residentBytes"] > 1 << 20
    assert 8 <= top[0]["perSecond"]["messagesReceived"] <= 80  # Eight clients that echo four times a second, on a machine that may be slow.
    lines = rtgw("top", "-A").splitlines()
    assert lines[0].split()[:4] == ["NAMESPACE", "POD", "STATE", "CONNS"] and len([line for line in lines if edge.namespace in line]) == 3
    assert rtgw.yaml("top", "edge", "--interval", "200ms")["kind"] == "PodFigureList"
    assert "--sort-by" in rtgw.refusal("top", "edge", "--sort-by", "colour")


def test_events_in_the_order_of_time(edge, rtgw):
    edge.scale(2)
    edge.wait_event("DrainCompleted")
    events = rtgw.json("events", "edge")["items"]
    reasons = [event["reason"] for event in events if event["regarding"]["kind"] == "RealtimeGateway"]
    assert reasons.index("VictimSelected") < reasons.index("DrainCompleted")
    pods = {event["regarding"]["name"] for event in events if event["regarding"]["kind"] == "Pod"}
    assert pods  # the scheduler's
    out = rtgw("events", "rtgw/edge")
    assert out.splitlines()[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert "realtimegateway/edge" in out and out.index("DrainStarted") < out.index("DrainCompleted")
    # Of a budget's controller that has not heard of the resource yet, perhaps.
    assert {event["type"] for event in rtgw.json("events", "edge", "--types", "Warning")["items"]} <= {"Warning"}
    assert {event["type"] for event in rtgw.json("events", "edge", "--types", "normal")["items"]} == {"Normal"}
    assert rtgw.refusal("events", "--types", "Fatal") == "error: valid --types are Normal or Warning\n"


def test_events_as_they_come(edge, rtgw, tmp_path):
    with (tmp_path / "out").open("wb") as out:
        watch = rtgw.start("events", "edge", "--watch", stdout=out, stderr=subprocess.STDOUT)
    text = lambda: (tmp_path / "out").read_text()  # noqa: E731
    try:
        eventually(lambda: "LAST SEEN" in text(), "what is there already")
        edge.scale(2)
        eventually(lambda: "DrainCompleted" in text(), "the drain's end")
        assert text().count("LAST SEEN") == 1
    finally:
        watch.send_signal(signal.SIGINT)
        assert watch.wait(timeout=30) == 130
