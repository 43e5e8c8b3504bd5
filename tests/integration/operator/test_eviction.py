"""Evictions of Kubernetes 1.37 (feature gate EvictionRequestAPI), on a control plane that has them. No controller makes or advances
them there yet: the test does what it will do."""

import datetime
import json
from pathlib import Path

import control_plane as control_planes
import kubernetes
import pytest
from planes import BUILD, PORT_BASE, prepared
from operators import Operators
from rtgw import FREE, HELD, Api
from stand_in_kubelet import Kubelet
from waiting import eventually

FLAGS = ("--feature-gates=EvictionRequestAPI=true", "--runtime-config=lifecycle.k8s.io/v1alpha1=true")
GROUP, VERSION, PLURAL = "lifecycle.k8s.io", "v1alpha1", "evictions"
OURS = "sluice.dev/drain"
FIRST = "test.example/first"
LAST = "imperative-eviction.k8s.io/evictor"
PRIORITIES = {FIRST: 20000, OURS: 10000, LAST: 100}


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("ev"))
    with control_planes.running(folder / "c", PORT_BASE + 40) as own:
        own.restart_api_server(*FLAGS)
        yield prepared(own)


@pytest.fixture(scope="module")
def api(control_plane):
    return Api(control_plane)


@pytest.fixture(scope="module")
def kubelet(control_plane, tmp_path_factory):
    with Kubelet(control_plane, BUILD / "gateway" / "sluice-gateway", tmp_path_factory.mktemp("pods")) as running:
        yield running


@pytest.fixture
def operators(control_plane, tmp_path):
    made = Operators(BUILD / "operator" / "sluice-operator", control_plane, tmp_path)
    yield made
    made.end()


class Eviction:
    """One Eviction of a pod, advanced as the evictionrequest-controller would."""

    def __init__(self, api, pod):
        self.api, self.pod = api, pod
        self.name, self.namespace = f"evict-{pod.metadata.name}", pod.metadata.namespace
        target = {"pod": {"name": pod.metadata.name, "uid": pod.metadata.uid}}
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Eviction", "metadata": {"name": self.name}, "spec": {"target": target}}
        api.custom.create_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, body)

    def activate(self, first=OURS):
        """It is the turn of `first`, whose priority is the highest; the API server lets no other begin."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        names = [first] + [name for name in (OURS, LAST) if name != first]
        states = {name: "Active" if name == first else "Inactive" for name in names}
        self._put(states, [{"name": name, "startTime": now} if name == first else {"name": name} for name in names])

    def cancel(self):
        """Nobody asks for it any more. It stays the responder's turn until that one has said that it is through."""
        self._put({OURS: "Active", LAST: "Inactive"}, None, intent="Withdrawn")

    def read(self):
        return self.api.custom.get_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, self.name)

    def report(self):
        return next(entry for entry in self.read()["status"]["responders"] if entry["name"] == OURS)

    def _put(self, states, responders, intent="Eviction"):
        responding = [{"name": name, "priority": PRIORITIES[name], "state": state} for name, state in states.items()]
        requesters = [{"name": "test.example/requester", "intent": intent}]
        for _ in range(20):
            body = self.read()
            status = body.setdefault("status", {})
            status.update(requesters=requesters, targetResponders=responding, responders=responders or status["responders"])
            try:
                return self.api.custom.replace_namespaced_custom_object_status(GROUP, VERSION, self.namespace, PLURAL, self.name, body)
            except kubernetes.client.exceptions.ApiException as error:
                if error.status != 409:
                    raise
        raise AssertionError("the Eviction's status could not be written")


@pytest.fixture
def edge(gateways, operator):
    eventually(lambda: "the API server has Evictions" in operator.log, "the operator to find them")
    made = gateways(replicas=3)
    made.wait_ready(3)
    return made


def responders_of(api, pod):
    """As the API server has them: the Python client does not know the field yet."""
    answer = api.core.read_namespaced_pod(pod.metadata.name, pod.metadata.namespace, _preload_content=False)
    return json.loads(answer.data)["spec"].get("evictionResponders")


def test_an_eviction_is_a_drain_that_reports(edge, clients, api, kubelet):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 20)
    victim = pods[1]
    assert responders_of(api, victim) == [{"name": OURS, "priority": 10000}]
    eviction = Eviction(api, victim)
    eviction.activate()
    edge.change(reconnectBudget={"perSecondPerReceiver": 1, "perSecondMax": 3})
    drain = eventually(edge.drains, "a drain")[0]
    assert (drain["pod"], drain["reason"]) == (victim.metadata.name, "Eviction")
    report = eventually(lambda: eviction.report().get("heartbeatTime") and eviction.report(), "a heartbeat")
    assert "completionTime" not in report and report["message"]
    assert edge.status()["readyReplicas"] == 3
    eventually(lambda: victim.metadata.name not in {pod.metadata.name for pod in edge.pods()}, "the pod to be gone")
    assert kubelet.deleted[victim.metadata.name] == 0


def test_an_eviction_that_is_not_our_turn_moves_nobody_and_a_cancelled_one_takes_back(edge, clients, api):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 20)
    edge.change(reconnectBudget=HELD)
    eviction = Eviction(api, pods[0])
    eviction.activate(FIRST)
    other = Eviction(api, pods[1])
    other.activate()
    eventually(edge.draining, "the active one's drain")
    assert [pod.metadata.name for pod in edge.draining()] == [pods[1].metadata.name]
    other.cancel()
    eventually(lambda: not edge.draining(), "the pod back")
    assert edge.wait_event("DrainCancelled") == [f"{pods[1].metadata.name} is taken back: its eviction was withdrawn"]
    assert "heartbeatTime" not in eviction.report()
    report = eventually(lambda: other.report().get("completionTime") and other.report(), "our last report")
    assert report["message"] == "withdrawn: the pod stays"
    edge.change(reconnectBudget=FREE)
