"""The adapter behind the real aggregator, and what becomes of an HPA when Prometheus is away."""

import json

import pytest
from autoscaler import Autoscaler, connections_metric
from clients import Fleet
from waiting import eventually

API = "/apis/custom.metrics.k8s.io"


def raw(node, path):
    """(None, answer) or (Status, None), as `kubectl get --raw` shows them."""
    done = node.try_kubectl("get", "--raw", path)
    return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def connections_path(gateway, version="v1beta2"):
    return f"{API}/{version}/namespaces/{gateway.namespace}/realtimegateways.sluice.dev/{gateway.name}/rtgw_connections"


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_the_aggregator_finds_the_metrics(node, gateways, version):
    gateways("edge", replicas=1)

    def listed():
        answer, _ = raw(node, f"{API}/{version}")
        return {resource["name"] for resource in answer["resources"]} if answer else set()

    wanted = {"realtimegateways.sluice.dev/rtgw_connections", "pods/rtgw_task_queue_length"}
    eventually(lambda: wanted <= listed(), "both metrics in discovery", within_s=120)


def test_values_are_the_connections_of_the_gateway(node, gateways):
    edge = gateways("edge", replicas=2)
    with Fleet(edge.url(), 25) as fleet:
        fleet.wait_connected()

        def value():
            answer, _ = raw(node, connections_path(edge))
            return answer and answer["items"][0]["value"]

        eventually(lambda: value() == "25", "the metric to be 25", within_s=120)
        old, _ = raw(node, connections_path(edge, "v1beta1"))
        assert (old["items"][0]["metricName"], old["items"][0]["value"]) == ("rtgw_connections", "25")


def test_an_unknown_metric_is_not_found(node, gateways):
    edge = gateways("edge", replicas=1)
    path = f"{API}/v1beta2/namespaces/{edge.namespace}/pods/*/no_such_metric"
    answer, complaint = raw(node, path)
    assert answer is None
    assert "NotFound" in complaint and "no_such_metric" in complaint


@pytest.fixture
def without_prometheus(node):
    """Stops Prometheus for as long as the returned function has been called, and starts it again at the end."""

    def stop():
        node.kubectl("--namespace", "monitoring", "scale", "deployment/prometheus", "--replicas=0")
        eventually(lambda: not node.get("pods", "--namespace", "monitoring")["items"], "Prometheus to be gone")

    yield stop
    node.kubectl("--namespace", "monitoring", "scale", "deployment/prometheus", "--replicas=1")
    node.kubectl("--namespace", "monitoring", "rollout", "status", "deployment/prometheus", "--timeout=120s")


def test_a_stopped_prometheus_is_said_and_costs_no_pod(node, gateways, without_prometheus):
    edge = gateways("edge", replicas=1)
    autoscaler = Autoscaler(edge, connections_metric(edge, target=10))
    with Fleet(edge.url(), 30) as fleet:
        fleet.wait_connected()
        edge.wait_ready(3, within_s=180)
        before = {pod.metadata.uid for pod in edge.pods()}
        without_prometheus()

        unavailable = eventually(lambda: refusal(node, edge), "the metric to be unavailable", within_s=60)
        assert "ServiceUnavailable" in unavailable and "prometheus" in unavailable.lower()
        eventually(lambda: not autoscaler.is_active(), "the HPA to notice", within_s=60)
        described = autoscaler.describe()
        assert "FailedGetObjectMetric" in described and "prometheus" in described.lower()

        # Discovery stays, or namespaces could not be deleted and kubectl would complain at every call.
        assert raw(node, f"{API}/v1beta2")[0]["resources"]
        service = node.get("apiservice", "v1beta2.custom.metrics.k8s.io")
        assert [c["status"] for c in service["status"]["conditions"] if c["type"] == "Available"] == ["True"]

        # The clients leave, which would scale down; without figures nothing is removed.
        fleet.leave(25)
        noticed = autoscaler.read()["status"].get("lastScaleTime")
        eventually(lambda: failures(autoscaler) >= 3, "the HPA to have asked in vain three times", within_s=120)
        assert {pod.metadata.uid for pod in edge.pods()} == before
        assert edge.read()["spec"]["replicas"] == 3
        assert autoscaler.read()["status"].get("lastScaleTime") == noticed
        assert fleet.account.abnormal == {}


def refusal(node, gateway):
    answer, complaint = raw(node, connections_path(gateway))
    return complaint if answer is None else ""


def failures(autoscaler):
    """How often the HPA has said that it could not get its metric."""
    gateway = autoscaler.gateway
    events = gateway.core.list_namespaced_event(gateway.namespace, field_selector="reason=FailedGetObjectMetric").items
    return sum(event.series.count if event.series else event.count or 1 for event in events)
