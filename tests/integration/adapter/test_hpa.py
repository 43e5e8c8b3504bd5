"""The real HPA on metrics of a real Prometheus: it scales, and it stands still and says why when Prometheus is away."""

import json

import pytest
from adapter_process import GROUP, VERSIONS
from control_plane import eventually
from test_adapter import answered, connections, pod, set_phase

CONNECTIONS = {
    "type": "Object",
    "object": {
        "describedObject": {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "name": "edge"},
        "metric": {"name": "rtgw_connections"},
        "target": {"type": "AverageValue", "averageValue": "10"},
    },
}
QUEUE = {"type": "Pods", "pods": {"metric": {"name": "rtgw_task_queue_length"}, "target": {"type": "AverageValue", "averageValue": "10"}}}
AT_ONCE = {"scaleUp": {"stabilizationWindowSeconds": 0}, "scaleDown": {"stabilizationWindowSeconds": 0}}


class Autoscaled:
    """A RealtimeGateway with an HPA. The test plays its operator: pods are objects, and status says what spec asks for."""

    def __init__(self, kubectl, namespace, metric):
        self._kubectl, self.namespace = kubectl, namespace
        meta = {"name": "edge", "namespace": namespace}
        target = {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "name": "edge"}
        spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 10, "metrics": [metric], "behavior": AT_ONCE}
        kubectl.apply(
            {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "metadata": meta, "spec": {"replicas": 2}},
            *(pod(namespace, name, app="edge") for name in ("a", "b")),
            {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec},
        )
        for name in ("a", "b"):
            set_phase(kubectl, namespace, name, "Running")
        self.follow()

    def follow(self):
        """What the operator would do once the pods are there; answers spec.replicas."""
        replicas = self._kubectl.get("rtgw", "edge", "--namespace", self.namespace)["spec"]["replicas"]
        status = json.dumps({"status": {"replicas": replicas, "selector": "app=edge"}})
        self._kubectl("patch", "rtgw", "edge", "--namespace", self.namespace, "--subresource=status", "--type=merge", "-p", status)
        return replicas

    def hpa(self):
        return self._kubectl.get("hpa", "edge", "--namespace", self.namespace)

    def condition(self, kind):
        found = [c for c in self.hpa().get("status", {}).get("conditions", ()) if c["type"] == kind]
        return found[0] if found else {"status": "", "reason": "", "message": ""}

    def describe(self):
        return self._kubectl("describe", "hpa", "edge", "--namespace", self.namespace)

    def failures(self):
        """How often the HPA has said that it could not get its metric."""
        events = self._kubectl.get("events", "--namespace", self.namespace, "--field-selector", "reason=FailedGetObjectMetric")
        return sum(event.get("series", {}).get("count") or event.get("count") or 1 for event in events["items"])


def test_the_hpa_follows_the_connections_of_a_gateway(kubectl, exporter, namespace):
    labels = {"namespace": namespace, "realtimegateway": "edge"}
    exporter.set("rtgw_connections", 25, pod="a", **labels)
    exporter.set("rtgw_connections", 20, pod="b", **labels)
    answered(kubectl, connections(namespace))
    edge = Autoscaled(kubectl, namespace, CONNECTIONS)
    # ceil(45 / 10), however many pods there are.
    eventually(lambda: edge.follow() == 5, "five replicas")
    exporter.set("rtgw_connections", 5, pod="a", **labels)
    eventually(lambda: edge.follow() == 3, "three replicas")
    assert edge.condition("ScalingActive")["status"] == "True"


def test_the_hpa_follows_the_queues_of_the_pods(kubectl, exporter, namespace):
    for name, waiting in (("a", 40), ("b", 20)):
        exporter.set("rtgw_task_queue_length", waiting, namespace=namespace, pod=name, tenant="default")
    edge = Autoscaled(kubectl, namespace, QUEUE)
    # An average of 30 where 10 is wanted: three times the two pods.
    eventually(lambda: edge.follow() == 6, "six replicas")


def test_without_prometheus_the_hpa_says_why_and_takes_nothing_away(kubectl, exporter, prometheus, namespace):
    labels = {"namespace": namespace, "realtimegateway": "edge"}
    exporter.set("rtgw_connections", 45, pod="a", **labels)
    answered(kubectl, connections(namespace))
    edge = Autoscaled(kubectl, namespace, CONNECTIONS)
    eventually(lambda: edge.follow() == 5, "five replicas")
    with prometheus.stopped():
        refusal = eventually(lambda: kubectl.refusal(connections(namespace)), "the metric to be unavailable")
        assert "(ServiceUnavailable)" in refusal
        assert "unable to fetch the metric rtgw_connections for realtimegateways.sluice.dev: Prometheus does not answer" in refusal

        eventually(lambda: edge.condition("ScalingActive")["status"] == "False", "the HPA to notice")
        condition = edge.condition("ScalingActive")
        assert condition["reason"] == "FailedGetObjectMetric"
        assert "Prometheus does not answer" in condition["message"]
        assert "Prometheus does not answer" in edge.describe()

        # Nobody is connected any more, but nobody can know that: after three vain attempts all is as it was.
        exporter.set("rtgw_connections", 0, pod="a", **labels)
        before = edge.failures()
        eventually(lambda: edge.failures() >= before + 3, "three more failures")
        assert edge.follow() == 5
        assert edge.hpa()["status"]["desiredReplicas"] == 5

        # Discovery is up all the same, or namespaces could not be deleted.
        for version in VERSIONS:
            service = kubectl.get("apiservice", f"{version}.{GROUP}")
            assert [c["status"] for c in service["status"]["conditions"] if c["type"] == "Available"] == ["True"]
            assert kubectl.raw(f"/apis/{GROUP}/{version}")["resources"]
        kubectl("create", "namespace", f"{namespace}-x")
        kubectl("delete", "namespace", f"{namespace}-x", "--timeout=60s")
    eventually(lambda: edge.follow() == 1, "the scale-down once Prometheus is back")


@pytest.mark.parametrize("kind", ["metric", "selector"])
def test_an_hpa_that_asks_for_nothing_that_is_there_is_told_so(kubectl, exporter, namespace, kind):
    exporter.set("rtgw_connections", 45, namespace=namespace, realtimegateway="edge", pod="a")
    answered(kubectl, connections(namespace))
    metric = json.loads(json.dumps(CONNECTIONS))
    if kind == "metric":
        metric["object"]["metric"]["name"] = "no_such_metric"
    else:
        metric["object"]["metric"]["selector"] = {"matchLabels": {"pod": "none"}}
    edge = Autoscaled(kubectl, namespace, metric)
    sentence = f"the server could not find the metric {metric['object']['metric']['name']}"
    eventually(lambda: sentence in edge.condition("ScalingActive")["message"], "the HPA to notice")
    assert edge.follow() == 2
