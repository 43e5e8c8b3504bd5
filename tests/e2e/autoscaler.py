"""A stock HPA over a RealtimeGateway."""

import json

CONNECTIONS = "rtgw_connections"
QUEUE = "rtgw_task_queue_length"


def connections_metric(gateway, target):
    """The Object metric that examples/autoscaled.yaml uses."""
    described = {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "name": gateway.name}
    return {
        "type": "Object",
        "object": {"describedObject": described, "metric": {"name": CONNECTIONS}, "target": {"type": "AverageValue", "averageValue": str(target)}},
    }


def served_connections(gateway):
    """What the adapter answers an HPA for the gateway's connections; None where it has no answer yet."""
    path = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{gateway.namespace}/realtimegateways.sluice.dev/{gateway.name}/{CONNECTIONS}"
    asked = gateway.node.try_kubectl("get", "--raw", path)
    return int(json.loads(asked.stdout)["items"][0]["value"]) if asked.returncode == 0 else None


def queue_metric(target):
    return {"type": "Pods", "pods": {"metric": {"name": QUEUE}, "target": {"type": "AverageValue", "averageValue": str(target)}}}


class Autoscaler:
    """Made in the gateway's namespace. Scales as soon as its figures say so, up and down."""

    def __init__(self, gateway, *metrics, least=1, most=6):
        self.gateway = gateway
        at_once = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 10, "periodSeconds": 15}]}
        target = {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "name": gateway.name}
        spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most, "metrics": list(metrics)}
        spec["behavior"] = {"scaleUp": at_once, "scaleDown": at_once}
        metadata = {"name": gateway.name, "namespace": gateway.namespace}
        gateway.node.apply({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec})

    def read(self):
        return json.loads(self.gateway.kubectl("get", "hpa", self.gateway.name, "-o", "json"))

    def condition(self, kind):
        """(status, reason, message) of a condition, or None."""
        found = [c for c in self.read()["status"].get("conditions", []) if c["type"] == kind]
        return (found[0]["status"], found[0]["reason"], found[0]["message"]) if found else None

    def is_active(self):
        """It has read its metrics."""
        scaling = self.condition("ScalingActive")
        return scaling is not None and scaling[0] == "True"

    def describe(self):
        return self.gateway.kubectl("describe", "hpa", self.gateway.name)
