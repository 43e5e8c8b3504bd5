"""What becomes of a gateway's pods, and of the objects beside them, when the gateway is deleted."""

from rtgw import DRAIN, HELD, connections_of, owner_of
from waiting import eventually

GATEWAY = "sluice.dev/gateway"


def test_deleting_a_gateway_drains_it_and_removes_the_finalizer_last(edge, clients, kubelet):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 10)
    edge.change(reconnectBudget={"perSecondPerReceiver": 10, "perSecondMax": 10})
    edge.delete()
    eventually(lambda: len(edge.draining()) == 3, "all pods draining at once")
    assert edge.read()["metadata"]["finalizers"] == [DRAIN]
    assert {edge.decision(pod.metadata.name)["reason"] for pod in pods} == {"Delete"}
    pods_left = []

    def gone():
        pods_left.append(len(edge.pods()))
        return not edge.exists()

    eventually(gone, "the gateway to be gone")
    assert edge.pods() == []
    assert {kubelet.deleted[pod.metadata.name] for pod in pods} == {0}


def test_the_keys_are_kept_while_a_deleted_gateway_drains(edge, clients, api):
    for pod in edge.pods():
        clients(pod, 10)
    edge.change(reconnectBudget=HELD)
    edge.delete()
    eventually(lambda: len(edge.draining()) == 3, "all pods draining")
    api.core.delete_namespaced_config_map("edge-admin-keys", edge.namespace)
    uid = edge.read()["metadata"]["uid"]
    eventually(lambda: [owner_of(keys) for keys in config_maps(edge)] == [uid], "the keys again")


def config_maps(gateway):
    return gateway.api.core.list_namespaced_config_map(gateway.namespace, label_selector=f"{GATEWAY}={gateway.name}").items


def test_pods_of_a_gateway_that_is_deleted_without_them_stay_as_they_are(edge, clients):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 5)
    edge.delete(cascade="Orphan")
    # The garbage collector learns of a new resource within half a minute.
    eventually(lambda: not edge.exists(), "the gateway to be gone", within_s=120)
    left = edge.pods()
    assert {pod.metadata.uid for pod in left} == {pod.metadata.uid for pod in pods}
    for pod in left:
        assert pod.metadata.owner_references is None and pod.metadata.deletion_timestamp is None
        assert pod.metadata.labels["sluice.dev/state"] == "active" and DRAIN not in (pod.metadata.annotations or {})
        assert connections_of(pod) == 5
