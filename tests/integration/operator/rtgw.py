"""A RealtimeGateway of a test, made, changed and watched through the API server."""

import json
import urllib.request

import kubernetes
from waiting import eventually

GROUP, VERSION, PLURAL = "sluice.dev", "v1alpha1", "realtimegateways"
KIND = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "RealtimeGateway"}
DRAIN = "sluice.dev/drain"
RATE = "sluice.dev/drain-rate"
HEALTH = "sluice.dev/health"

# Fast enough for a test. `HELD` keeps a drain under way while a test does something to it.
SPEC = {
    "minReadySeconds": 0,
    "reconnectBudget": {"perSecondPerReceiver": 100, "perSecondMax": 1000},
    "drain": {"propagationDelay": "1s", "hintJitter": "1s", "timeout": "5m"},
    "template": {"spec": {"terminationGracePeriodSeconds": 30}},
}
HELD = {"perSecondPerReceiver": 1, "perSecondMax": 1}
# Propagating for long enough to be seen, whatever else the machine does.
SLOW = {"propagationDelay": "10s", "hintJitter": "1s", "timeout": "5m"}
FREE = {"perSecondPerReceiver": 100, "perSecondMax": 1000}


# A machine that compiles at the same time is slow to shake hands: that must not throttle a test's drains.
PATIENT = {"handshakeP99Max": "1m"}


def manifest(name, **spec):
    whole = {**SPEC, **spec}
    return {**KIND, "metadata": {"name": name}, "spec": {**whole, "reconnectBudget": {**PATIENT, **whole["reconnectBudget"]}}}


class Api:
    """The API server as its users reach it. Threads: any."""

    def __init__(self, kubeconfig):
        self.client = kubernetes.config.new_client_from_config(str(kubeconfig))
        self.core = kubernetes.client.CoreV1Api(self.client)
        self.custom = kubernetes.client.CustomObjectsApi(self.client)
        self.policy = kubernetes.client.PolicyV1Api(self.client)
        self.leases = kubernetes.client.CoordinationV1Api(self.client)


class Gateway:
    """Threads: any."""

    def __init__(self, api, namespace, name):
        self.api, self.namespace, self.name = api, namespace, name

    def create(self, **spec):
        self.api.custom.create_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, manifest(self.name, **spec))
        return self

    def read(self):
        return self.api.custom.get_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, self.name)

    def status(self):
        return self.read().get("status", {})

    def condition(self, kind):
        return next((c for c in self.status().get("conditions", []) if c["type"] == kind), {})

    def exists(self):
        items = self.api.custom.list_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL)["items"]
        return any(item["metadata"]["name"] == self.name for item in items)

    def change(self, **spec):
        self.api.custom.patch_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, self.name, {"spec": spec})

    def scale(self, replicas):
        """Through the scale subresource, as an autoscaler does."""
        self.api.custom.patch_namespaced_custom_object_scale(GROUP, VERSION, self.namespace, PLURAL, self.name, {"spec": {"replicas": replicas}})

    def read_scale(self):
        return self.api.custom.get_namespaced_custom_object_scale(GROUP, VERSION, self.namespace, PLURAL, self.name)

    def delete(self, cascade="Background"):
        self.api.custom.delete_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, self.name, propagation_policy=cascade)

    def pods(self):
        return self.api.core.list_namespaced_pod(self.namespace, label_selector=f"sluice.dev/gateway={self.name}").items

    def pod(self, name):
        return self.api.core.read_namespaced_pod(name, self.namespace)

    def pods_in(self, state):
        return [pod for pod in self.pods() if pod.metadata.labels["sluice.dev/state"] == state]

    def draining(self):
        return self.pods_in("draining")

    def drains(self):
        return self.status().get("drains", [])

    def decision(self, name):
        """The drain's record on the pod; None where it does not drain."""
        text = (self.pod(name).metadata.annotations or {}).get(DRAIN)
        return json.loads(text) if text else None

    def health(self, name):
        """The record on a pod that is out of the fleet; None where it is not."""
        text = (self.pod(name).metadata.annotations or {}).get(HEALTH)
        return json.loads(text) if text else None

    def offline(self):
        return self.status().get("offline", [])

    def wait_pods(self, count, within_s=60):
        return eventually(lambda: len(self.pods()) == count and self.pods(), f"{count} pods of {self.name}", within_s)

    def wait_ready(self, replicas, within_s=60):
        eventually(lambda: self.status().get("readyReplicas") == replicas and len(self.pods()) == replicas, f"{replicas} ready pods", within_s)
        return self.pods()

    def wait_phase(self, phase, pod=None):
        return eventually(lambda: next((d for d in self.drains() if d["phase"] == phase and pod in (None, d["pod"])), None), f"a drain in {phase}")

    def events(self, reason=None):
        found = self.api.core.list_namespaced_event(self.namespace).items
        mine = [event for event in found if event.involved_object.name == self.name and reason in (None, event.reason)]
        return [event.message for event in sorted(mine, key=lambda event: str(event.event_time or event.metadata.creation_timestamp))]

    def wait_event(self, reason):
        return eventually(lambda: self.events(reason), f"an event {reason}")


def is_ready(pod):
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])


def owner_of(thing):
    """The UID of what controls it."""
    (reference,) = thing.metadata.owner_references
    assert reference.controller and reference.block_owner_deletion
    return reference.uid


def url_of(pod):
    return f"ws://{pod.status.pod_ip}:8080/echo"


def connections_of(pod):
    return connections_at(pod.status.pod_ip)


def connections_at(address):
    """Connections as the gateway's own metrics count them."""
    with urllib.request.urlopen(f"http://{address}:9902/metrics", timeout=2) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("rtgw_connections{"))
