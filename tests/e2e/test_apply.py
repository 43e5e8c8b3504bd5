"""From `kubectl apply` to a client's echo."""

import json

import pytest
from clients import Fleet
from gateway import KIND, manifest
from node import ROOT
from tasks import TaskBurst, digest_of_one_megabyte

COLUMNS = ["NAME", "DESIRED", "READY", "UPDATED", "DRAINING", "CONNS", "ROLLOUT", "AVAILABLE", "AGE"]


def test_apply_makes_ready_pods_that_clients_reach_through_the_service(gateways):
    edge = gateways("edge", replicas=2)
    with Fleet(edge.url(), 10) as fleet:
        fleet.wait_connected()
    assert fleet.account.echoed > 0
    assert (fleet.account.lost, fleet.account.duplicates, fleet.account.abnormal) == (0, 0, {})
    assert {pod.metadata.labels["sluice.dev/state"] for pod in edge.pods()} == {"active"}
    assert {pod.metadata.labels["sluice.dev/traffic"] for pod in edge.pods()} == {"on"}


def test_tasks_are_really_computed(gateways):
    edge = gateways("edge", replicas=1)
    with TaskBurst(edge.url("/tasks"), connections=1, tasks=2, megabytes=1) as burst:
        burst.wait_all_answered(within_s=60)
    assert burst.failed == []
    assert burst.digests == {digest_of_one_megabyte()}


def test_the_example_for_beginners_works_as_it_is(node, namespace):
    node.kubectl("--namespace", namespace, "apply", "-f", ROOT / "examples" / "minimal.yaml")
    node.kubectl("--namespace", namespace, "wait", "realtimegateway/edge", "--for=condition=Available", "--timeout=90s")


def test_get_and_describe_tell_the_story(gateways):
    edge = gateways("edge", replicas=1)
    header, row = edge.kubectl("get", "realtimegateways").splitlines()
    assert header.split() == COLUMNS
    assert row.split()[:5] == ["edge", "1", "1", "1", "0"]
    wide = edge.kubectl("get", "rtgw", "--output=wide").splitlines()[0].split()
    assert wide == [*COLUMNS, "DRAIN-LEFT", "RATE", "ETA", "REVISION", "IMAGE", "SELECTOR"]
    described = edge.kubectl("describe", "rtgw", "edge")
    assert "Available" in described and "Ready Replicas:" in described


def test_the_scale_subresource_counts_what_the_hpa_needs(gateways):
    edge = gateways("edge", replicas=2)
    scale = json.loads(edge.kubectl("get", "--raw", f"/apis/sluice.dev/v1alpha1/namespaces/{edge.namespace}/realtimegateways/edge/scale"))
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    assert scale["status"]["selector"] == "sluice.dev/gateway=edge,sluice.dev/state in (active,gray)"


def test_pods_run_under_pod_security_restricted(gateways, node):
    """The namespaces enforce it: without their security contexts no pod of ours would have been admitted."""
    edge = gateways("edge", replicas=1)
    for name in (edge.namespace, "sluice-system", "monitoring"):
        labels = edge.core.read_namespace(name).metadata.labels
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted", name
    for pod in [*edge.pods(), *edge.core.list_namespaced_pod("sluice-system").items]:
        for container in pod.spec.containers:
            security = container.security_context
            assert security.read_only_root_filesystem and not security.allow_privilege_escalation, pod.metadata.name
            assert security.capabilities.drop == ["ALL"], pod.metadata.name


# What is wrong, and the field that the refusal has to name.
REFUSED = {
    "fewer than no pods": ({"replicas": -1}, "spec.replicas"),
    "a wait of two hours": ({"minReadySeconds": 7200}, "spec.minReadySeconds"),
    "a time without a unit": ({"drain": {"propagationDelay": "15"}}, "drain.propagationDelay"),
    "weeks": ({"drain": {"hintJitter": "1w"}}, "drain.hintJitter"),
    "a deadline before the first hint": ({"drain": {"timeout": "40s", "propagationDelay": "30s", "hintJitter": "30s"}}, "drain.timeout"),
    "a close code that means success": ({"drain": {"closeCode": 1000}}, "spec.drain.closeCode"),
    "no reconnects at all": ({"reconnectBudget": {"perSecondPerReceiver": 0}}, "spec.reconnectBudget.perSecondPerReceiver"),
    "a sum below one share": ({"reconnectBudget": {"perSecondPerReceiver": 200, "perSecondMax": 100}}, "reconnectBudget.perSecondMax"),
    "no drain at a time": ({"scaleDown": {"maxConcurrentDrains": 0}}, "spec.scaleDown.maxConcurrentDrains"),
    "more than all": ({"disruption": {"maxUnavailable": "101%"}}, "disruption.maxUnavailable"),
    "pods that may end": ({"template": {"spec": {"restartPolicy": "Never"}}}, "spec.template.spec.restartPolicy"),
    "no time to drain": ({"template": {"spec": {"terminationGracePeriodSeconds": 5}}}, "spec.template.spec.terminationGracePeriodSeconds"),
    "a field that does not exist": ({"replica": 3}, "spec.replica"),
}


@pytest.mark.parametrize("spec, field", REFUSED.values(), ids=REFUSED.keys())
def test_a_resource_that_breaks_a_rule_is_refused_by_name(node, namespace, spec, field):
    refused = node.try_kubectl("apply", "-f", "-", text=json.dumps({**manifest("bad", namespace), "spec": spec}))
    assert refused.returncode != 0
    assert field in refused.stderr


def test_a_name_that_no_service_can_have_is_refused(node, namespace):
    refused = node.try_kubectl("apply", "-f", "-", text=json.dumps({**KIND, "metadata": {"name": "x" * 58, "namespace": namespace}}))
    assert refused.returncode != 0
    assert "metadata.name" in refused.stderr
