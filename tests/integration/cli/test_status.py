"""`kubectl rtgw status`: what a fleet does, once and live."""

import re
import signal
import subprocess

from rtgw import HELD, connections_of
from terminals import Terminal
from waiting import eventually


def drain_one(edge, clients, connections=40, budget=None):
    """Connections on all pods, and a scale-down under way that will not end soon; the draining pod's name."""
    for pod in edge.pods():
        clients(pod, connections)
    edge.change(reconnectBudget=budget or HELD)
    edge.scale(2)
    return edge.wait_phase("Evicting")["pod"]


def test_a_line_a_pod_with_what_its_gateway_counts_now(edge, clients, rtgw):
    first, second, third = edge.pods()
    clients(first, 7)
    clients(second, 3)
    out = eventually(lambda: (lambda text: text if re.search(rf"{first.metadata.name} +active +yes +7 ", text) else None)(rtgw("status", "edge")), "7 connections")
    assert out.startswith(f"{edge.namespace}/edge  3 wanted, 3 serving, 3 ready, 3 updated, 10 connections")
    assert re.search(rf"{second.metadata.name} +active +yes +3 +- +- +- ", out)
    assert re.search(rf"{third.metadata.name} +active +yes +0 ", out)
    assert "stand-in" in out and "\x1b" not in out


def test_json_and_yaml_say_the_same(edge, rtgw):
    one = rtgw.json("status", "edge")
    assert one["kind"] == "FleetStatus" and one["metadata"] == {"namespace": edge.namespace, "name": "edge"}
    assert [pod["name"] for pod in one["pods"]] == sorted(pod.metadata.name for pod in edge.pods())
    assert all(pod["ready"] and pod["state"] == "active" and pod["connections"] == 0 for pod in one["pods"])

    def all_alike():  # unless the operator writes a status in between
        one = rtgw.json("status", "edge")
        assert rtgw.yaml("status", "rtgw/edge") == one
        assert rtgw.json("status")["items"] == [one]
        return True

    eventually(all_alike, "the same answer in each form")


def test_every_namespace(edge, rtgw):
    assert f"{edge.namespace}/edge  3 wanted" in rtgw("status", "-A")


def test_a_drain_with_its_bar(edge, clients, rtgw):
    name = drain_one(edge, clients)
    drain = eventually(lambda: next((pod["drain"] for pod in rtgw.json("status", "edge")["pods"] if "drain" in pod and pod["drain"]["ratePerSecond"] > 0), None), "the drain's rate")
    assert drain["reason"] == "ScaleDown" and drain["phase"] == "Evicting" and drain["initial"] == 40
    # One more may have gone between the two answers.
    assert 0 <= drain["percent"] <= 100 and connections_of(edge.pod(name)) <= drain["remaining"] <= 40
    out = rtgw("status", "edge", "-o", "wide")
    assert re.search(rf"{name} +draining +yes +\d+ +Evicting [█▏▎▍▌▋▊▉░]+ +\d+% +[\d.]+/s +\d+s .*ScaleDown +20\d\d-", out)
    assert "PodsDraining: " + name in out


def test_a_watch_draws_in_place_and_follows_the_drain(edge, clients, rtgw):
    name = drain_one(edge, clients, budget={"perSecondPerReceiver": 2, "perSecondMax": 4})
    with Terminal(rtgw.words("status", "edge", "--watch", "--interval", "500ms"), rtgw.environment, width=130) as terminal:
        row = re.compile(rf"{name} +draining +\S+ +(\d+) +Evicting [█▏▎▍▌▋▊▉░]+ +(\d+)% +([\d.]+)/s +(\d+)s")
        terminal.wait_frame(row.search, "a frame with the drain")
        terminal.wait_frame(lambda text: (found := row.search(text)) and int(found[2]) >= 50, "half of the drain")
        percents = [int(found[2]) for frame in terminal.frames() if (found := row.search("\n".join(frame)))]
        assert percents == sorted(percents) and len(set(percents)) > 3
        terminal.wait_frame(lambda text: name not in text and "2 wanted, 2 serving" in text, "the pod to be gone")
        assert "\x1b[32m" in terminal.raw()
        assert all(len(line) <= 130 for frame in terminal.frames() for line in frame)
        assert terminal.interrupt() == 130
        assert terminal.raw().endswith("\x1b[?25h")


def test_no_colour_where_none_is_wanted_and_a_narrow_terminal(edge, rtgw):
    environment = {**rtgw.environment, "NO_COLOR": "1", "LANG": "C"}
    with Terminal(rtgw.words("status", "edge", "--watch"), environment, width=60, height=6) as terminal:
        frame = terminal.wait_frame(lambda text: "edge" in text, "a frame")
        assert len(frame) <= 5 and all(len(line) <= 60 for line in frame)
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.raw())


def test_a_watch_without_a_terminal_appends_what_changes(edge, clients, rtgw, tmp_path):
    with (tmp_path / "out").open("wb") as out:
        watch = rtgw.start("status", "edge", "--watch", "--interval", "500ms", stdout=out, stderr=subprocess.STDOUT)
    text = lambda: (tmp_path / "out").read_text()  # noqa: E731
    try:
        eventually(lambda: text().count("active") == 3, "the first table")
        name = drain_one(edge, clients)
        eventually(lambda: re.search(rf"{name} +draining", text()), "the drain")
        edge.change(reconnectBudget={"perSecondPerReceiver": 100, "perSecondMax": 1000})
        eventually(lambda: f"{name} is gone" in text(), "the pod's end")
        assert "\x1b" not in text() and text().count("POD ") == 1
    finally:
        watch.send_signal(signal.SIGINT)
        code = watch.wait(timeout=30)
    assert code == 130


def test_who_is_not_there(namespace, rtgw):
    assert rtgw.refusal("status", "nope") == 'Error from server (NotFound): realtimegateways.sluice.dev "nope" not found\n'
    assert rtgw.refusal("status", "nope", "--watch") == 'Error from server (NotFound): realtimegateways.sluice.dev "nope" not found\n'
    nothing = rtgw.run("status")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", f"No resources found in {namespace} namespace.\n")


def test_a_pod_that_does_not_answer_is_no_zero(edge, clients, kubelet, rtgw):
    first = edge.pods()[0]
    clients(first, 5)
    with kubelet.frozen(first):
        done = rtgw.run("status", "edge")
    assert done.returncode == 0 and "some live figures are missing" in done.stderr
    assert re.search(rf"{first.metadata.name} +active +\S+ +\? ", done.stdout)
