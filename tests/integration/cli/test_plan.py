"""`kubectl rtgw plan`: what the operator says would happen, and whether it then does."""

import re

from waiting import eventually


def loaded(edge, clients):
    first, second, third = edge.pods()
    for pod, count in ((first, 30), (second, 10), (third, 20)):
        clients(pod, count)
    eventually(lambda: edge.status()["connections"]["active"] == 60, "the operator to know of all")
    return first.metadata.name, second.metadata.name, third.metadata.name


def test_the_plan_is_what_then_happens(edge, clients, rtgw):
    first, second, third = loaded(edge, clients)
    edge.change(reconnectBudget={"perSecondPerReceiver": 2, "perSecondMax": 4})
    eventually(lambda: rtgw.json("plan", "edge", "--replicas", "2")["budget"]["perSecondMax"] == 4, "the operator to know the budget")
    before = edge.read()
    plan = rtgw.json("plan", "edge", "--replicas", "2")
    assert edge.read() == before
    (drain,) = plan["drains"]
    assert (drain["pod"], drain["connections"], drain["runnerUp"], drain["outcome"]) == (second, 10, third, "drained")
    assert plan["blockedBy"] == [] and plan["complete"] and plan["rounds"] == 1
    assert plan["replicas"] == {"spec": 3, "asked": 2, "serving": 3, "draining": 0, "after": 2}
    assert plan["capacity"]["perPodAfter"] == 30 and plan["answeredBy"].startswith("sluice-system/sluice-operator-")
    seconds = int(re.fullmatch(r"(\d+)s", drain["takes"])[1])
    assert 3 <= seconds <= 6  # 10 at 4 a second, after 1 s of propagation
    edge.scale(2)
    assert [event.split()[0] for event in edge.wait_event("VictimSelected")] == [second]
    (completed,) = edge.wait_event("DrainCompleted")
    assert "10 connections moved" in completed


def test_a_plan_for_a_person(edge, clients, rtgw):
    first, second, third = loaded(edge, clients)
    out = rtgw("plan", "rtgw/edge", "--replicas", "1")
    assert out.startswith(f"{edge.namespace}/edge: 3 -> 1 replicas  (3 serve now, 0 drain)\n")
    assert re.search(rf"\n1 +{second} +ScaleDown +10 .*{third} \(20\)\n2 +{third} +ScaleDown +\d+ ", out)
    assert "in 2 rounds" in out and "Headroom" in out
    assert out.endswith(f"Nothing has been changed. To do it: kubectl scale rtgw/edge --namespace {edge.namespace} --replicas 1\n")
    assert rtgw.yaml("plan", "--replicas", "1")["kind"] == "FleetPlan"  # The only one need not be named.


def test_more_pods_and_none(edge, rtgw):
    assert rtgw.json("plan", "edge", "--replicas", "5")["created"] == 2
    assert "no pod would go and none be made" in rtgw("plan", "edge")
    assert [drain["pod"] for drain in rtgw.json("plan", "edge", "--replicas", "0")["drains"]] != []


def test_what_blocks_is_told(edge, clients, rtgw):
    loaded(edge, clients)
    edge.change(capacity={"connectionsPerPod": 20})
    blocked = eventually(lambda: rtgw.json("plan", "edge", "--replicas", "1")["blockedBy"], "the guard")
    assert blocked[0].startswith("capacity guard: 60 connections would be ")
    edge.change(capacity={"connectionsPerPod": 1000}, drainFreeze=True)
    eventually(lambda: rtgw.json("plan", "edge", "--replicas", "1")["blockedBy"] == ["spec.drainFreeze: no drain begins, and running ones stand still"], "the freeze")
    assert "Blocked    spec.drainFreeze" in rtgw("plan", "edge", "--replicas", "1")
    edge.change(drainFreeze=False)  # A frozen gateway would not go.


def test_refusals(edge, operators, rtgw):
    assert "whole number from 0 to 10000 is wanted" in rtgw.refusal("plan", "edge", "--replicas", "-1")
    assert rtgw.refusal("plan", "nope", "--replicas", "1").startswith("Error from server (NotFound)")
    assert rtgw.refusal("plan", "edge", "--operator-namespace", "default") == (
        "error: no operator is known: there is no Lease sluice-operator in namespace default (--operator-namespace names another)\n"
    )
    for operator in operators.all:
        operator.kill()
    assert rtgw.refusal("plan", "edge", "--replicas", "1").startswith("Error from server")
