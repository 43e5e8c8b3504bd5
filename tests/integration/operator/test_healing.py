"""Gateways that hang, die and come back, seen by the operator and by a stand-in for the kubelet: who is put out, and how it returns."""

import contextlib
import re
import urllib.request

import pytest
from rtgw import HEALTH, is_ready
from waiting import eventually

# Fast enough for a test: an interval of gray traffic is a second.
HEALING = {"maxKickedPercent": 10, "successes": 2, "observe": "4s", "timeout": "2s", "replaceAfter": "5m", "grayPercent": 20}
KICKS = 'sluice_operator_kicks_total{event="HeartbeatTimeout"}'
SILENCE = 'sluice_operator_admin_calls_total{result="unavailable",verb="state"}'


@pytest.fixture
def healed(gateways):
    """A gateway of so many ready pods."""

    def make(replicas, **healing):
        edge = gateways(replicas=replicas, healing={**HEALING, **healing})
        edge.wait_ready(replicas)
        return edge

    return make


def phase_of(edge, pod):
    record = edge.health(pod.metadata.name)
    return record and record["phase"]


def wait_offline(edge, pod):
    return eventually(lambda: phase_of(edge, pod) == "Offline", f"{pod.metadata.name} to be out")


def wait_active(edge, pod):
    def active():
        now = edge.pod(pod.metadata.name)
        labels = now.metadata.labels
        return HEALTH not in (now.metadata.annotations or {}) and (labels["sluice.dev/state"], labels["sluice.dev/traffic"]) == ("active", "on")

    eventually(active, f"{pod.metadata.name} to be active")


def peers_of(pod):
    """What a gateway knows of the others, by status."""
    with urllib.request.urlopen(f"http://{pod.status.pod_ip}:9902/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = (re.fullmatch(r'rtgw_peers\{status="(\w+)"\} (\S+)', line) for line in lines)
    return {match[1]: float(match[2]) for match in found if match}


def test_a_frozen_gateway_is_put_out_and_comes_back_in_steps(healed, operator, clients, kubelet):
    edge = healed(3)
    victim, *others = edge.pods()
    fleet = clients(victim, 10)
    with kubelet.frozen(victim):
        wait_offline(edge, victim)
        labels = edge.pod(victim.metadata.name).metadata.labels
        assert (labels["sluice.dev/state"], labels["sluice.dev/traffic"]) == ("offline", "off")
        (entry,) = eventually(edge.offline, "an entry in status.offline")
        assert (entry["pod"], entry["event"], entry["severity"], entry["phase"]) == (victim.metadata.name, "HeartbeatTimeout", 3, "Offline")
        # Neither a replica nor selected as one.
        assert edge.read_scale()["status"]["replicas"] == 2
        selected = edge.api.core.list_namespaced_pod(edge.namespace, label_selector=edge.read_scale()["status"]["selector"]).items
        assert {pod.metadata.uid for pod in selected} == {pod.metadata.uid for pod in others}
        assert edge.condition("PodsOffline")["status"] == "True"
        assert operator.metric(KICKS) == 1
        assert operator.metric("sluice_operator_offline_pods") == 1
        for pod in others:
            eventually(lambda pod=pod: peers_of(pod)["offline"] == 1, "its peers to have heard of it")
        # Nobody is made in its place yet.
        assert len(edge.pods()) == 3
    wait_active(edge, victim)
    news = eventually(lambda: found if len(found := edge.events("NodeStatusChanged")) == 4 else None, "four changes")
    name = victim.metadata.name
    steps = [re.match(rf"{name}: (\w+ -> \w+)", note)[1] for note in news]
    assert steps == ["Active -> Offline", "Offline -> PendingRejoin", "PendingRejoin -> GrayTraffic", "GrayTraffic -> Active"]
    assert re.fullmatch(rf"{name}: Active -> Offline \(HeartbeatTimeout, severity 3\): no answer for \d+s, and the kubelet says not ready", news[0])
    assert operator.metric('sluice_operator_probes_total{result="ok"}') >= 2
    assert operator.metric("sluice_operator_offline_pods") == 0
    for pod in others:
        eventually(lambda pod=pod: (peers_of(pod)["offline"], peers_of(pod)["active"]) == (0, 1), "its peers to know that it is back")
    eventually(lambda: edge.read_scale()["status"]["replicas"] == 3, "three replicas")
    # Its connections were there all the time.
    assert fleet.connected() == 10
    assert {pod.metadata.uid for pod in edge.pods()} == {pod.metadata.uid for pod in (victim, *others)}


def test_an_operator_that_is_cut_off_itself_puts_nobody_out(healed, operator, kubelet):
    edge = healed(3)
    with contextlib.ExitStack() as stack:
        kubelet_content = stack.enter_context(contextlib.ExitStack())
        kubelet_content.enter_context(kubelet.content())
        for pod in edge.pods():
            stack.enter_context(kubelet.frozen(pod))
        silent = operator.metric(SILENCE)
        eventually(lambda: operator.metric(SILENCE) >= silent + 15, "polls that fail for a good while")
        # The kubelet says ready: nothing at all is concluded.
        assert edge.offline() == [] and not edge.pods_in("offline")
        assert edge.status()["readyReplicas"] == 3
        assert not edge.events("KickHeld")
        # Even where it agreed, most of the polls fail: that is rather us.
        kubelet_content.close()
        (held,) = edge.wait_event("KickHeld")
        assert "more than half of all polls fail" in held
        assert not edge.pods_in("offline")
    edge.wait_ready(3)
    assert operator.metric(KICKS) == 0


def test_no_more_are_out_at_once_than_the_limit_allows(healed, operator, kubelet):
    edge = healed(5)
    frozen = edge.pods()[:2]
    most = []

    def out():
        most.append(len(edge.pods_in("offline")) + len(edge.pods_in("gray")))
        return most[-1]

    with contextlib.ExitStack() as stack:
        for pod in frozen:
            stack.enter_context(kubelet.frozen(pod))
        eventually(out, "one of them to be out")
        (held,) = edge.wait_event("KickHeld")
        assert re.match(r"\S+ stays \(HeartbeatTimeout, severity 3: .*\): 1 of 5 pods are out, and spec.healing.maxKickedPercent \(10\) allows no more", held)
        (first,) = edge.pods_in("offline")
        # Once the limit allows it, the other follows.
        edge.change(healing={"maxKickedPercent": 40})
        eventually(lambda: len(edge.pods_in("offline")) == 2, "both to be out")
        edge.change(healing={"maxKickedPercent": 10})
    for pod in frozen:
        wait_active(edge, pod)
    assert first.metadata.uid in {pod.metadata.uid for pod in frozen}
    assert max(most) == 1


@pytest.mark.parametrize("moment", ["Offline", "PendingRejoin", "GrayTraffic"])
def test_killed_on_the_way_back_the_operator_goes_on(healed, operators, kubelet, moment):
    operator = operators.start()
    edge = healed(3)
    victim = edge.pods()[1]

    def kill_and_restart():
        operator.kill()
        before = edge.health(victim.metadata.name)
        operators.start()
        return before

    with contextlib.ExitStack() as stack:
        frozen = stack.enter_context(contextlib.ExitStack())
        frozen.enter_context(kubelet.frozen(victim))
        wait_offline(edge, victim)
        since = edge.health(victim.metadata.name)["since"]
        if moment != "Offline":
            frozen.close()
            eventually(lambda: phase_of(edge, victim) == moment, moment)
        before = kill_and_restart()
        assert (before["phase"], before["since"]) == (moment, since)
    wait_active(edge, victim)
    kicks = [note for note in edge.events("NodeStatusChanged") if "-> Offline" in note]
    assert len(kicks) == 1
    assert len(edge.pods()) == 3


def test_a_pod_that_stays_out_is_replaced_first_and_then_drained_to_its_deadline(healed, operator, clients, kubelet):
    edge = healed(3, replaceAfter="4s")
    edge.change(drain={"propagationDelay": "1s", "hintJitter": "1s", "timeout": "6s"})
    victim = edge.pods()[0]
    fleet = clients(victim, 5)
    with kubelet.frozen(victim):
        (drain,) = eventually(edge.drains, "its drain")
        assert (drain["pod"], drain["reason"]) == (victim.metadata.name, "Offline")
        assert len(edge.pods()) == 4
        # Nobody hears from it, but its clients may be there: they have until the deadline.
        assert fleet.connected() == 5
        eventually(lambda: edge.pod(victim.metadata.name).metadata.deletion_timestamp, "its deletion")
        assert edge.wait_event("DrainTimedOut")
        ready = [pod for pod in edge.pods() if is_ready(pod) and pod.metadata.deletion_timestamp is None]
        assert len(ready) == 3
    edge.wait_ready(3)


def test_a_container_that_keeps_ending_is_put_out_at_once(healed, operator, kubelet):
    edge = healed(3)
    victim = edge.pods()[2]
    kubelet.crash(victim)
    wait_offline(edge, victim)
    record = edge.health(victim.metadata.name)
    assert record["event"] == "ConnectionLost"
    assert operator.metric('sluice_operator_kicks_total{event="ConnectionLost"}') == 1
