"""Nodes that go: what runs there is replaced, drained, and only then evicted. And pods that a person wants away."""

import subprocess
import time

import pytest
from planes import BUILD, kubectl
from kubernetes.client.exceptions import ApiException
from rtgw import HELD
from stand_in_kubelet import Kubelet
from waiting import eventually

HERE = "stand-in"
THERE = "stand-in-2"


@pytest.fixture(scope="module")
def there(control_plane, tmp_path_factory, api):
    """Another node, for these tests alone."""
    with Kubelet(control_plane, BUILD / "gateway" / "sluice-gateway", tmp_path_factory.mktemp("there"), node=THERE) as running:
        eventually(lambda: api.core.read_node(THERE).spec.taints is None, "the other node to be in use")
        yield running


@pytest.fixture
def edge(there, gateways, operator, api):
    """Three pods on one node, and another node that is free."""
    cordon(api, THERE)
    made = gateways(replicas=3, disruption={"maxUnavailable": 0}, scaleDown={"maxConcurrentDrains": 3})
    made.wait_ready(3)
    uncordon(api, THERE)
    yield made
    uncordon(api, HERE)


def cordon(api, node):
    api.core.patch_node(node, {"spec": {"unschedulable": True}})


def uncordon(api, node):
    api.core.patch_node(node, {"spec": {"unschedulable": False}})
    eventually(lambda: not api.core.read_node(node).spec.taints, f"{node} to be in use")


def nodes_of(edge):
    return {pod.spec.node_name for pod in edge.pods()}


def test_a_cordoned_nodes_pods_are_replaced_and_then_drained(edge, clients, api, kubelet):
    before = edge.pods()
    assert nodes_of(edge) == {HERE}
    for pod in before:
        clients(pod, 10)
    ready = []

    def moved():
        ready.append(edge.status()["readyReplicas"])
        return nodes_of(edge) == {THERE} and len(edge.pods()) == 3

    cordon(api, HERE)
    eventually(moved, "all pods on the other node", within_s=120)
    assert min(ready) >= 3
    assert {kubelet.deleted[pod.metadata.name] for pod in before} == {0}
    assert len(edge.wait_event("DrainStarted")) == 3
    assert all("(NodeDrain)" in text for text in edge.events("VictimSelected"))
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")


def test_an_uncordoned_node_keeps_what_has_not_moved_yet(edge, clients, api):
    before = {pod.metadata.uid for pod in edge.pods()}
    for pod in edge.pods():
        clients(pod, 30)
    edge.change(reconnectBudget=HELD)
    cordon(api, HERE)
    eventually(lambda: any(d.get("rate") for d in edge.drains()), "an accepted drain")
    uncordon(api, HERE)
    eventually(lambda: not edge.draining(), "the pods back")
    assert all("its node is in use again" in text for text in edge.wait_event("DrainCancelled"))
    # The newcomers are the surplus now, and hold nothing.
    edge.change(drain={"reverseHold": "1s"})
    eventually(lambda: {pod.metadata.uid for pod in edge.pods()} == before, "the newcomers to go")


def test_an_autoscalers_taint_drains_and_its_removal_takes_back(edge, clients, api):
    for pod in edge.pods():
        clients(pod, 30)
    edge.change(reconnectBudget=HELD)
    taint = {"key": "ToBeDeletedByClusterAutoscaler", "value": str(int(time.time())), "effect": "NoSchedule"}
    api.core.patch_node(HERE, {"spec": {"taints": [taint]}})
    try:
        # The status follows the pods within a moment.
        eventually(lambda: [drain["reason"] for drain in edge.drains()][:1] == ["NodeDrain"], "a drain for the node")
        assert edge.draining()
    finally:
        api.core.patch_node(HERE, {"spec": {"taints": None}})
    eventually(lambda: not edge.draining(), "the pod back")


def test_heartbeats_of_a_node_make_nobody_look(edge, operator, api):
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")
    reconciles = 'controller_runtime_reconcile_time_seconds_count{controller="realtimegateway"}'
    looks = operator.metric(reconciles)
    for number in range(30):
        api.core.patch_node(HERE, {"metadata": {"annotations": {"beat": str(number)}}})
    # A change that matters comes after all of them.
    cordon(api, THERE)
    uncordon(api, THERE)
    assert operator.metric(reconciles) - looks < 20


def test_kubectl_drain_ends_once_the_pods_have_drained(edge, clients, api, kubelet, control_plane):
    """With disruption.maxUnavailable 0 no eviction goes through: each pod is drained by the operator and gone when kubectl asks again."""
    before = edge.pods()
    for pod in before:
        clients(pod, 20)
    edge.change(reconnectBudget={"perSecondPerReceiver": 2, "perSecondMax": 6})
    words = [kubectl(), "--kubeconfig", control_plane, "drain", HERE, f"--pod-selector=sluice.dev/gateway={edge.name}", "--timeout=120s"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as drain:
        name = eventually(edge.draining, "a drain")[0].metadata.name
        draining = api.policy.read_namespaced_pod_disruption_budget("edge-draining", edge.namespace)
        assert draining.spec.min_available == 2147483647
        with pytest.raises(ApiException) as refused:
            api.core.create_namespaced_pod_eviction(name, edge.namespace, {"metadata": {"name": name}})
        assert refused.value.status == 429
        output, _ = drain.communicate(timeout=150)
    assert drain.returncode == 0, output
    assert "Cannot evict pod as it would violate the pod's disruption budget" in output
    assert nodes_of(edge) == {THERE}
    assert {kubelet.deleted[pod.metadata.name] for pod in before} == {0}
    assert not edge.events("DrainTimedOut")


def test_pods_that_a_person_names_are_replaced_and_drained(edge, clients, kubelet):
    first, second, third = edge.pods()
    for pod, count in ((first, 20), (second, 10), (third, 10)):
        clients(pod, count)
    name = first.metadata.name
    edge.change(scaleDown={"podsToDrain": [name, "edge-nobody"]}, reconnectBudget={"perSecondPerReceiver": 4, "perSecondMax": 12})
    drain = eventually(edge.drains, "a drain")[0]
    assert (drain["pod"], drain["reason"]) == (name, "Requested")
    assert edge.status()["readyReplicas"] == 3
    eventually(lambda: name not in {pod.metadata.name for pod in edge.pods()}, "it to be gone")
    assert kubelet.deleted[name] == 0
    assert {second.metadata.name, third.metadata.name} < {pod.metadata.name for pod in edge.pods()}


def test_a_name_taken_out_of_the_list_is_taken_back(edge, clients):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 20)
    edge.change(scaleDown={"podsToDrain": [pods[0].metadata.name]}, reconnectBudget=HELD)
    eventually(lambda: any(d.get("rate") for d in edge.drains()), "an accepted drain")
    edge.change(scaleDown={"podsToDrain": []})
    eventually(lambda: not edge.draining(), "the pod back")
    assert edge.wait_event("DrainCancelled") == [f"{pods[0].metadata.name} is taken back: podsToDrain does not name it any more"]


def test_a_pod_whose_connections_cost_more_stays(edge, clients, api):
    first, second, third = edge.pods()
    for pod, count in ((first, 5), (second, 20), (third, 20)):
        clients(pod, count)
    api.core.patch_namespaced_pod(first.metadata.name, edge.namespace, {"metadata": {"annotations": {"sluice.dev/session-cost": "10"}}})
    api.core.patch_namespaced_pod(third.metadata.name, edge.namespace, {"metadata": {"annotations": {"sluice.dev/session-cost": "dear"}}})
    (told,) = edge.wait_event("SessionCostIgnored")
    assert told == f"the annotation sluice.dev/session-cost of {third.metadata.name} is no number >= 0: what its gateway says counts"
    edge.scale(2)
    (selected,) = edge.wait_event("VictimSelected")
    assert not selected.startswith(first.metadata.name), selected
    edge.wait_pods(2)
