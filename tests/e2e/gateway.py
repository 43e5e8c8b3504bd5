"""A RealtimeGateway of a test: made, watched, asked and changed through the API server, as its users do."""

import contextlib
import http.client
import json
import threading
import urllib.parse
import urllib.request

import kubernetes
import urllib3
from waiting import eventually

GROUP, VERSION, PLURAL = "sluice.dev", "v1alpha1", "realtimegateways"
KIND = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "RealtimeGateway"}
METRICS_PORT = 9902

# Fast enough for a test, in the proportions of a real fleet. Tests that hold a drain slow say so.
SPEC = {
    "minReadySeconds": 0,
    "reconnectBudget": {"perSecondPerReceiver": 100, "perSecondMax": 1000},
    "drain": {"propagationDelay": "1s", "hintJitter": "2s", "timeout": "5m"},
    "template": {
        "spec": {
            "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "gateway", "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}],
        }
    },
}


def manifest(name, namespace, **spec):
    return {**KIND, "metadata": {"name": name, "namespace": namespace}, "spec": {**SPEC, **spec}}


class Gateway:
    """Threads: any."""

    def __init__(self, node, namespace, name):
        self.node, self.namespace, self.name = node, namespace, name
        client = kubernetes.config.new_client_from_config(node.kubeconfig)
        self.core = kubernetes.client.CoreV1Api(client)
        self.discovery = kubernetes.client.DiscoveryV1Api(client)
        self.custom = kubernetes.client.CustomObjectsApi(client)

    def kubectl(self, *words, text=None):
        return self.node.kubectl("--namespace", self.namespace, *words, text=text)

    def read(self):
        return self.custom.get_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, self.name)

    def exists(self):
        return any(item["metadata"]["name"] == self.name for item in self._list()["items"])

    def _list(self):
        return self.custom.list_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL)

    def status(self):
        return self.read().get("status", {})

    def scale(self, replicas):
        self.kubectl("scale", f"realtimegateway/{self.name}", f"--replicas={replicas}")

    def change(self, **spec):
        self.kubectl("patch", "realtimegateway", self.name, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def pods(self):
        return self.core.list_namespaced_pod(self.namespace, label_selector=f"sluice.dev/gateway={self.name}").items

    def services(self):
        return self.core.list_namespaced_service(self.namespace, label_selector=f"sluice.dev/gateway={self.name}").items

    def pods_in(self, state):
        return [pod for pod in self.pods() if pod.metadata.labels.get("sluice.dev/state") == state]

    def draining(self):
        return self.pods_in("draining")

    def wait_ready(self, replicas, within_s=90):
        """Waits until as many pods are ready as asked for, and the status says so."""
        return eventually(
            lambda: self.status().get("readyReplicas") == replicas and len([pod for pod in self.pods() if is_ready(pod)]) == replicas,
            f"{replicas} ready pods of {self.name}",
            within_s,
        )

    def wait_pods(self, count, within_s=120):
        return eventually(lambda: len(self.pods()) == count, f"{count} pods of {self.name}", within_s)

    def url(self, path="/echo"):
        """Through the Service's ClusterIP, as clients inside the cluster come."""
        address = self.core.read_namespaced_service(self.name, self.namespace).spec.cluster_ip
        return f"ws://{address}:8080{path}"

    def endpoints(self):
        """Addresses that the Service sends new connections to."""
        slices = self.discovery.list_namespaced_endpoint_slice(self.namespace, label_selector=f"kubernetes.io/service-name={self.name}").items
        endpoints = [endpoint for one in slices for endpoint in one.endpoints or []]
        return [address for endpoint in endpoints if endpoint.conditions.ready for address in endpoint.addresses]

    def wait_reached(self, replicas):
        """Waits until the Service sends new connections to as many pods: the node's rules follow its endpoints with a delay of their own."""

        def reached():
            for _ in range(4 * replicas):
                request_nowhere(self.url("/nowhere"))
            endpoints = self.endpoints()
            met = [metric_of(pod, "rtgw_handshakes_total") for pod in self.pods() if pod.status.pod_ip in endpoints]
            return len(met) == replicas and all(met)

        return eventually(reached, f"{replicas} pods of {self.name} to be reached through its Service")

    def connections(self):
        """Connections as the pods themselves count them, by pod name; pods that do not answer are left out."""
        counted = {pod.metadata.name: connections_of(pod) for pod in self.pods()}
        return {name: count for name, count in counted.items() if count is not None}

    def events(self, reason):
        """Notes of the events of this gateway and its pods with that reason, oldest first."""
        found = self.core.list_namespaced_event(self.namespace, field_selector=f"reason={reason}").items
        return [event.message for event in sorted(found, key=lambda event: str(event.event_time or event.metadata.creation_timestamp))]

    def wait_event(self, reason, within_s=60):
        return eventually(lambda: self.events(reason), f"an event {reason}", within_s)


def is_ready(pod):
    conditions = (pod.status.conditions or []) if pod.status else []
    return pod.metadata.deletion_timestamp is None and any(c.type == "Ready" and c.status == "True" for c in conditions)


def request_nowhere(url):
    """A request that is no handshake: a pod counts it, and nobody is connected by it."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", address.path)
        connection.getresponse()


def connections_of(pod):
    """Connections that a pod counts, in all states; None where it does not answer."""
    return metric_of(pod, "rtgw_connections")


def metric_of(pod, name):
    """The sum of a metric's series; None where the pod does not answer."""
    if not pod.status.pod_ip:
        return None
    try:
        with urllib.request.urlopen(f"http://{pod.status.pod_ip}:{METRICS_PORT}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{")))


def _is_expired(error):
    """The API server has forgotten where the watch was; it begins again."""
    return isinstance(error, kubernetes.client.ApiException) and error.status == 410


class Watcher:
    """Follows a gateway and its pods from its start to its end: what a test says about "at any moment" is read here.

    `replicas` are the values of spec.replicas in order; `cut` names pods that were being deleted while they held connections. A watch
    that could not go on is raised at the end: it has seen nothing, and nothing is what tests want to read in `cut`.
    """

    def __init__(self, gateway):
        self.replicas = []
        self.cut = []
        self.deleted = []
        self._gateway = gateway
        self._stop = threading.Event()
        self._broken = []
        self._watches = [kubernetes.watch.Watch(), kubernetes.watch.Watch()]
        self._threads = [threading.Thread(target=self._follow_gateway, daemon=True), threading.Thread(target=self._follow_pods, daemon=True)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        for watch in self._watches:
            watch.stop()
        for thread in self._threads:
            thread.join(timeout=10)
        if self._broken and kind is None:
            raise self._broken[0]

    def _follow_gateway(self):
        arguments = (GROUP, VERSION, self._gateway.namespace, PLURAL)
        self._follow(self._watches[0], self._gateway.custom.list_namespaced_custom_object, self._see_gateway, *arguments)

    def _follow_pods(self):
        self._follow(self._watches[1], self._gateway.core.list_namespaced_pod, self._see_pod, self._gateway.namespace)

    def _follow(self, watch, call, see, *arguments):
        """Until the end. A watch that ends before, as it does every few minutes, is begun again with the state; seeing that twice is harmless."""
        while not self._stop.is_set():
            try:
                for event in watch.stream(call, *arguments, timeout_seconds=300):
                    see(event["object"])
            except urllib3.exceptions.ProtocolError:
                continue
            except Exception as error:  # whatever it is: a thread's exception is nobody's
                # Stopping a watch from another thread closes its connection in the middle of an answer.
                if not self._stop.is_set() and not _is_expired(error):
                    self._broken.append(error)
                    return

    def _see_gateway(self, seen):
        if seen["metadata"]["name"] == self._gateway.name and self.replicas[-1:] != [seen["spec"]["replicas"]]:
            self.replicas.append(seen["spec"]["replicas"])

    def _see_pod(self, pod):
        name = pod.metadata.name
        if pod.metadata.labels.get("sluice.dev/gateway") != self._gateway.name or pod.metadata.deletion_timestamp is None or name in self.deleted:
            return
        self.deleted.append(name)
        # A gateway without connections ends at once when it is told to; one that still answers and counts some was cut.
        if connections_of(pod):
            self.cut.append(name)
