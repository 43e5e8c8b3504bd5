"""The operator against a real API server, with real gateways: what it makes, what it drains, what it leaves alone."""

import base64
import contextlib
import json
import re
import threading
import time

import pytest
from kubernetes.client.exceptions import ApiException
from operators import SYSTEM
from rtgw import DRAIN, FREE, HELD, RATE, SLOW, Gateway, connections_of, is_ready
from waiting import eventually

GATEWAY = "sluice.dev/gateway"


@pytest.fixture
def operator(operators):
    return operators.start()


@pytest.fixture
def edge(gateways, operator):
    """Three ready pods."""
    made = gateways(replicas=3)
    made.wait_ready(3)
    return made


def owner_of(thing):
    (reference,) = thing.metadata.owner_references
    assert reference.controller and reference.block_owner_deletion
    return reference.uid


def test_apply_makes_everything_a_gateway_needs(edge, api):
    uid = edge.read()["metadata"]["uid"]
    pods = edge.pods()
    assert {owner_of(pod) for pod in pods} == {uid}
    labels = {key: value for key, value in pods[0].metadata.labels.items() if key != "sluice.dev/revision"}
    assert labels == {GATEWAY: "edge", "sluice.dev/state": "active", "sluice.dev/traffic": "on"}

    service = api.core.read_namespaced_service("edge", edge.namespace)
    assert owner_of(service) == uid
    assert service.spec.selector == {GATEWAY: "edge", "sluice.dev/traffic": "on"}
    assert {port.name: port.port for port in service.spec.ports} == {"ws": 8080, "wss": 8443}

    budgets = {pdb.metadata.name: pdb for pdb in api.policy.list_namespaced_pod_disruption_budget(edge.namespace).items}
    assert sorted(budgets) == ["edge", "edge-draining"]
    assert budgets["edge"].spec.max_unavailable == 1
    assert budgets["edge-draining"].spec.min_available == 2147483647
    assert_disruptions_are_counted(edge, api)

    secret = api.core.read_namespaced_secret("sluice-admin-signing-key", SYSTEM)
    assert "PRIVATE KEY" in base64.b64decode(secret.data["private.pem"]).decode()
    keys = api.core.read_namespaced_config_map("edge-admin-keys", edge.namespace)
    assert owner_of(keys) == uid
    (public,) = keys.data.values()
    assert "PUBLIC KEY" in public and "PRIVATE" not in public


def assert_disruptions_are_counted(edge, api):
    """The real disruption controller asks our scale subresource how many pods there should be. It learns of a new CRD within half a
    minute, but looks at a PodDisruptionBudget that it could not judge again only when something about it changes."""

    def counts():
        number = str(time.monotonic_ns())
        api.policy.patch_namespaced_pod_disruption_budget("edge", edge.namespace, {"metadata": {"annotations": {"looked-at": number}}})
        return api.policy.read_namespaced_pod_disruption_budget("edge", edge.namespace).status.expected_pods == 3

    eventually(counts, "the PDB to count three pods")


def test_status_and_scale_tell_the_truth(edge):
    status = edge.status()
    assert status["observedGeneration"] == edge.read()["metadata"]["generation"]
    counts = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "drainingReplicas")
    assert [status[count] for count in counts] == [3, 3, 3, 3, 0]
    assert edge.condition("Available")["status"] == "True"
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "the target reached")
    assert edge.condition("Draining")["status"] == "False"
    scale = edge.read_scale()
    assert scale["status"] == {"replicas": 3, "selector": f"{GATEWAY}=edge,sluice.dev/state in (active,gray)"}


def test_scaling_up_makes_pods_and_no_twins(edge):
    before = {pod.metadata.uid for pod in edge.pods()}
    edge.scale(6)
    after = {pod.metadata.uid for pod in edge.wait_ready(6)}
    assert before < after


def test_the_emptiest_pod_is_drained_and_then_deleted(edge, clients, kubelet):
    first, second, third = edge.pods()
    for pod, count in ((first, 30), (second, 10), (third, 20)):
        clients(pod, count)
    edge.change(reconnectBudget={"perSecondPerReceiver": 2, "perSecondMax": 2}, drain=SLOW)
    edge.scale(2)
    drain = edge.wait_phase("Propagating")
    assert drain["pod"] == second.metadata.name and drain["reason"] == "ScaleDown"
    decision = edge.decision(second.metadata.name)
    assert sorted(decision) == ["deadline", "reason", "startedAt"]
    labels = edge.pod(second.metadata.name).metadata.labels
    assert (labels["sluice.dev/state"], labels["sluice.dev/traffic"]) == ("draining", "off")
    assert edge.read_scale()["status"]["replicas"] == 2

    figures = eventually(lambda: [drain for drain in edge.drains() if "rate" in drain], "the drain's figures")[0]
    assert (figures["phase"], figures["initial"], figures["rate"]) == ("Evicting", 10, 2)
    assert edge.condition("Draining")["status"] == "True"
    names = {pod.metadata.name for pod in edge.wait_pods(2)}
    assert names == {first.metadata.name, third.metadata.name}
    assert kubelet.deleted[second.metadata.name] == 0

    (selected,) = edge.wait_event("VictimSelected")
    assert selected == f"{second.metadata.name} goes (ScaleDown): it has 10 connections; next would have been {third.metadata.name} with 20 connections"
    assert edge.wait_event("DrainStarted")
    (completed,) = edge.wait_event("DrainCompleted")
    assert completed.startswith(f"{second.metadata.name} is empty and is deleted: 10 connections moved in ")


def test_the_emptiest_is_chosen_by_what_pods_say_now(edge, clients):
    """States that are older than two seconds choose nobody: the pod that filled up meanwhile stays."""
    first, second, third = edge.pods()
    clients(second, 5)
    clients(third, 5)
    eventually(lambda: edge.status()["connections"]["active"] == 10, "the operator to know of ten connections")
    # Now the emptiest pod becomes the fullest, right before the choice.
    clients(first, 25)
    edge.scale(2)
    drain = eventually(edge.drains, "a drain")[0]
    assert drain["pod"] != first.metadata.name


def test_a_gateway_that_does_not_answer_is_never_taken_for_empty(edge, clients, kubelet):
    first, second, third = edge.pods()
    clients(second, 20)
    clients(third, 20)
    edge.change(drain={**SLOW, "timeout": "20s"})
    with contextlib.ExitStack() as stack:
        edge.scale(2)
        edge.wait_phase("Propagating", first.metadata.name)
        stack.enter_context(kubelet.frozen(first))
        eventually(lambda: edge.events("DrainTimedOut"), "the deadline")
    edge.wait_pods(2)
    record = edge.events("DrainTimedOut")[0]
    assert record.startswith(f"{first.metadata.name} is deleted at its deadline")
    assert not edge.events("DrainCompleted")


def test_the_deadline_beats_the_budget(edge, clients, kubelet):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 30)
    edge.change(reconnectBudget=HELD, drain={"propagationDelay": "1s", "hintJitter": "1s", "timeout": "8s"})
    edge.scale(2)
    edge.wait_pods(2)
    (gone,) = {pod.metadata.name for pod in pods} - {pod.metadata.name for pod in edge.pods()}
    assert gone in kubelet.deleted
    (told,) = edge.wait_event("DrainTimedOut")
    closed = int(re.fullmatch(rf"{gone} is deleted at its deadline with (\d+) connections left", told)[1])
    # One a second for seven seconds, of thirty.
    assert 20 <= closed <= 30
    assert edge.wait_event("BudgetExceeded") == [f"the deadline of {gone} closes {closed} connections at once, beyond the reconnect budget"]
    assert not edge.events("DrainCompleted")


def test_a_scale_up_takes_the_pod_back_before_it_makes_a_new_one(edge, clients):
    pods = edge.pods()
    for pod in pods:
        clients(pod, 20)
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = edge.wait_phase("Evicting")
    eventually(lambda: edge.drains()[0].get("rate") == 1, "the gateway to accept its drain")
    edge.scale(3)
    edge.wait_ready(3)
    assert {pod.metadata.uid for pod in edge.pods()} == {pod.metadata.uid for pod in pods}
    back = edge.pod(drain["pod"])
    assert back.metadata.labels["sluice.dev/state"] == "active" and back.metadata.labels["sluice.dev/traffic"] == "on"
    assert DRAIN not in (back.metadata.annotations or {})
    assert edge.wait_event("DrainCancelled") == [f"{back.metadata.name} is taken back: more replicas are wanted again"]
    # Its gateway accepts new connections again.
    before = connections_of(back)
    clients(back, 3)
    assert connections_of(back) >= before + 3


def test_two_drains_share_the_budget(gateways, operator, clients, admin):
    edge = gateways(replicas=4, scaleDown={"maxConcurrentDrains": 2}, reconnectBudget={"perSecondPerReceiver": 3, "perSecondMax": 6})
    for pod in edge.wait_ready(4):
        clients(pod, 40)
    pods = edge.pods()
    sums = []

    def shared():
        """Whether the gateways themselves share all of the budget; each sum that was met is kept."""
        rates = admin.rates(pods)
        if rates is None:
            return False
        sums.append(sum(rates.values()))
        return sums[-1] > 5.8 and sum(rate > 0 for rate in rates.values()) == 2

    edge.scale(2)
    eventually(shared, "two granted rates that use up the budget")
    assert max(sums) <= 6.1
    recorded = [float(pod.metadata.annotations[RATE]) for pod in edge.draining()]
    assert len(recorded) == 2 and max(recorded) <= 6.1
    edge.change(reconnectBudget=FREE)
    edge.wait_pods(2)


def test_a_gateway_that_terminates_is_not_told_its_drain_again_and_again(edge, operator, clients, kubelet):
    """SIGTERM without a deletion of the pod: the gateway cuts its deadline, and the record on the pod stays as it is."""
    for pod in edge.pods():
        clients(pod, 30)
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = eventually(lambda: next((drain for drain in edge.drains() if drain.get("rate")), None), "an accepted drain")
    kubelet.container(edge.pod(drain["pod"])).process.terminate()
    ordered = 'sluice_operator_admin_calls_total{result="ok",verb="drain"}'
    states = 'sluice_operator_admin_calls_total{result="ok",verb="state"}'
    orders, asked = operator.metric(ordered), operator.metric(states)
    eventually(lambda: operator.metric(states) >= asked + 10, "its state asked for a few times more")
    assert operator.metric(ordered) <= orders + 2


def test_maximum_of_concurrent_drains_holds(edge, clients):
    for pod in edge.pods():
        clients(pod, 10)
    most = []
    edge.scale(0)

    def gone():
        most.append(sum(pod.metadata.deletion_timestamp is None for pod in edge.draining()))
        return not edge.pods()

    eventually(gone, "all pods drained, one after the other")
    assert max(most) == 1


def test_a_pod_deleted_by_others_is_replaced_at_once(edge, api):
    pod = edge.pods()[0]
    api.core.delete_namespaced_pod(pod.metadata.name, edge.namespace)
    eventually(lambda: edge.status()["replicas"] == 3 and pod.metadata.uid not in {p.metadata.uid for p in edge.pods()}, "a replacement")
    edge.wait_ready(3)


def test_a_pod_that_never_started_goes_without_a_drain(gateways, operator, kubelet):
    edge = gateways(replicas=1)
    edge.wait_ready(1)
    kubelet.starts = False
    edge.scale(3)
    edge.wait_pods(3)
    edge.scale(1)
    (left,) = edge.wait_pods(1)
    assert is_ready(left)
    assert not edge.events("DrainStarted")


def test_a_crashed_pod_is_the_first_to_go(edge, clients, kubelet):
    first, second, third = edge.pods()
    clients(first, 5)
    kubelet.crash(third)
    eventually(lambda: edge.status()["readyReplicas"] == 2, "the crash to be seen")
    edge.scale(2)
    names = {pod.metadata.name for pod in edge.wait_pods(2)}
    assert names == {first.metadata.name, second.metadata.name}


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


def test_pods_that_a_quota_refuses_are_not_asked_for_with_every_event(gateways, namespace, operator, api):
    quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "1"}}}
    api.core.create_namespaced_resource_quota(namespace, quota)
    eventually(lambda: api.core.read_namespaced_resource_quota("pods", namespace).status.hard, "the quota to be counted")
    edge = gateways(replicas=3)
    eventually(lambda: edge.condition("Progressing").get("reason") == "CreateFailed", "the refusal to be told")
    (pod,) = edge.wait_pods(1)
    refused = operator.writes(code=403)
    reconciles = 'controller_runtime_reconcile_time_seconds_count{controller="realtimegateway"}'
    looks = operator.metric(reconciles)
    for number in range(50):
        api.core.patch_namespaced_pod(pod.metadata.name, namespace, {"metadata": {"annotations": {"event": str(number)}}})
    eventually(lambda: operator.metric(reconciles) >= looks + 20, "the operator to have looked many times")
    assert operator.writes(code=403) - refused <= 10
    assert edge.condition("Progressing")["reason"] == "CreateFailed"
    api.core.patch_namespaced_resource_quota("pods", namespace, {"spec": {"hard": {"pods": "9"}}})
    edge.wait_ready(3, within_s=120)


def test_a_stranger_with_our_label_is_left_alone_and_reported(edge, api):
    labels = {GATEWAY: "edge", "sluice.dev/state": "active", "sluice.dev/traffic": "on"}
    spec = {"containers": [{"name": "gateway", "image": "x"}], "nodeSelector": {"no": "node"}}
    api.core.create_namespaced_pod(edge.namespace, {"metadata": {"name": "edge-stranger", "labels": labels}, "spec": spec})
    (note,) = edge.wait_event("StrangePod")
    assert note.startswith("edge-stranger carries the label sluice.dev/gateway of this gateway but is not owned by it")
    edge.scale(2)
    eventually(lambda: len(edge.pods()) == 3, "one of ours to go")
    assert api.core.read_namespaced_pod("edge-stranger", edge.namespace).metadata.deletion_timestamp is None
    assert edge.status()["replicas"] == 2


def test_names_that_strangers_have_are_stepped_over(gateways, operator, api, kubelet):
    edge = gateways(replicas=1)
    (pod,) = edge.wait_ready(1)
    kubelet.starts = False
    # The next index's name is not known to us, but to the operator: take it away from under it by asking for many and keeping one.
    edge.scale(2)
    second = next(p for p in edge.wait_pods(2) if p.metadata.uid != pod.metadata.uid)
    edge.scale(1)
    edge.wait_pods(1)
    api.core.create_namespaced_pod(edge.namespace, {"metadata": {"name": second.metadata.name}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    edge.scale(2)
    names = {p.metadata.name for p in edge.wait_pods(2)}
    assert second.metadata.name not in names


def test_a_bad_template_is_told_in_the_servers_words_and_changes_nothing(edge):
    before = {pod.metadata.uid for pod in edge.pods()}
    edge.change(template={"spec": {"containers": [{"name": "gateway", "image": "x", "ports": [{"containerPort": 99999}]}]}})
    eventually(lambda: edge.condition("Progressing")["reason"] == "TemplateRefused", "the refusal")
    assert "spec.containers[0].ports[0].containerPort: Invalid value: 99999" in edge.condition("Progressing")["message"]
    assert "containerPort" in edge.wait_event("TemplateRefused")[0]
    assert {pod.metadata.uid for pod in edge.pods()} == before
    edge.change(template={"spec": {"containers": None}})
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "the target again")


def test_a_new_template_rolls_one_pod_at_a_time_and_drains_each(edge, clients, kubelet):
    before = edge.pods()
    for pod in before:
        clients(pod, 10)
    old = edge.status()["updateRevision"]
    live, draining = [], []

    def rolled():
        pods = edge.pods()
        serving = [pod for pod in pods if pod.metadata.labels["sluice.dev/state"] == "active" and pod.metadata.deletion_timestamp is None]
        live.append(len(serving))
        draining.append(len(pods) - len(serving))
        return len(pods) == 3 and all(pod.metadata.labels["sluice.dev/revision"] != old for pod in pods)

    edge.change(template={"metadata": {"annotations": {"restarted": "now"}}})
    eventually(rolled, "three new pods", within_s=120)
    assert min(live) >= 3 and max(live) <= 4
    assert {kubelet.deleted[pod.metadata.name] for pod in before} == {0}
    eventually(lambda: edge.status()["currentRevision"] == edge.status()["updateRevision"] != old, "the rollout's end")


def test_children_that_somebody_changes_are_put_right(edge, api):
    api.core.patch_namespaced_service("edge", edge.namespace, {"spec": {"selector": {"sluice.dev/traffic": "off"}}})
    eventually(lambda: api.core.read_namespaced_service("edge", edge.namespace).spec.selector["sluice.dev/traffic"] == "on", "the selector")
    api.policy.delete_namespaced_pod_disruption_budget("edge-draining", edge.namespace)
    eventually(lambda: len(api.policy.list_namespaced_pod_disruption_budget(edge.namespace).items) == 2, "the PDB")
    name = edge.pods()[0].metadata.name
    api.core.patch_namespaced_pod(name, edge.namespace, {"metadata": {"labels": {"sluice.dev/traffic": "off"}}})
    eventually(lambda: edge.pod(name).metadata.labels["sluice.dev/traffic"] == "on", "the pod's label")


def test_two_gateways_that_want_one_name_do_not_fight(gateways, operator, api):
    first = gateways("edge", replicas=1)
    first.wait_ready(1)
    second = gateways("edge-draining", replicas=1)
    eventually(lambda: second.condition("Progressing").get("reason") == "NameTaken", "the clash to be told")
    assert "PodDisruptionBudget edge-draining belongs to another owner" in second.condition("Progressing")["message"]
    owner = api.policy.read_namespaced_pod_disruption_budget("edge-draining", first.namespace)
    assert owner_of(owner) == first.read()["metadata"]["uid"]


def test_what_somebody_else_has_made_is_not_taken_over(gateways, namespace, operator, api):
    """Taken over, it would be garbage collected with the gateway."""
    ports = {"ports": [{"port": 80}], "selector": {"app": "theirs"}}
    api.core.create_namespaced_service(namespace, {"metadata": {"name": "edge"}, "spec": ports})
    api.core.create_namespaced_config_map(namespace, {"metadata": {"name": "other-admin-keys", "labels": {GATEWAY: "other"}}})
    edge = gateways("edge", replicas=1)
    eventually(lambda: edge.condition("Progressing").get("reason") == "NameTaken", "the clash to be told")
    assert "Service edge was not made for this gateway and is left alone" in edge.condition("Progressing")["message"]
    assert edge.wait_event("NameTaken")
    edge.wait_ready(1)
    theirs = api.core.read_namespaced_service("edge", namespace)
    assert theirs.metadata.owner_references is None and theirs.spec.selector == {"app": "theirs"}
    edge.delete()
    eventually(lambda: not edge.exists(), "the gateway to be gone")
    assert api.core.read_namespaced_service("edge", namespace).metadata.uid == theirs.metadata.uid
    # Our label hands an object over.
    other = gateways("other", replicas=1)
    other.wait_ready(1)
    assert owner_of(api.core.read_namespaced_config_map("other-admin-keys", namespace)) == other.read()["metadata"]["uid"]


def test_a_drained_pod_is_not_evicted(edge, clients, api):
    for pod in edge.pods():
        clients(pod, 10)
    edge.change(reconnectBudget=HELD)
    edge.scale(2)
    drain = edge.wait_phase("Evicting")
    eventually(lambda: api.policy.read_namespaced_pod_disruption_budget("edge-draining", edge.namespace).status.expected_pods == 1, "the PDB")
    with pytest.raises(ApiException) as refused:
        api.core.create_namespaced_pod_eviction(drain["pod"], edge.namespace, {"metadata": {"name": drain["pod"]}})
    assert refused.value.status == 429


def test_at_rest_nothing_is_written(edge, operator):
    edge.wait_ready(3)
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")
    version = edge.read()["metadata"]["resourceVersion"]
    writes = operator.writes()
    assert writes > 0
    reconciles = 'controller_runtime_reconcile_total{controller="realtimegateway",result="success"}'
    states = 'sluice_operator_admin_calls_total{result="ok",verb="state"}'
    asked = operator.metric(states)
    eventually(lambda: operator.metric(states) >= asked + 6, "states asked for twice more")
    assert edge.read()["metadata"]["resourceVersion"] == version
    assert operator.writes() == writes
    assert operator.metric(reconciles) > 0


def test_metrics_and_probes(operator, edge):
    assert operator.get("/healthz") == "ok\n"
    assert operator.get("/readyz") == "ok\n"
    assert operator.metric('controller_runtime_reconcile_errors_total{controller="realtimegateway"}') is not None
    assert operator.metric('workqueue_depth{name="realtimegateway"}') is not None
    assert operator.metric('sluice_operator_drains_started_total{reason="ScaleDown"}') == 0


def test_the_operator_never_writes_the_replicas(edge, api):
    """They are the autoscaler's: an operator that wrote them back would undo what came in between."""
    managers = {entry["manager"] for entry in edge.read()["metadata"]["managedFields"] if "f:replicas" in json.dumps(entry.get("fieldsV1", {}).get("f:spec", {}))}
    edge.scale(2)
    edge.wait_pods(2)
    after = edge.read()
    writers = {entry["manager"] for entry in after["metadata"]["managedFields"] if "f:replicas" in json.dumps(entry.get("fieldsV1", {}).get("f:spec", {}))}
    assert "sluice-operator" not in managers | writers


def test_many_changes_at_once_end_where_they_should(gateways, operator):
    """Replicas change faster than pods come and go."""
    edge = gateways(replicas=1)
    edge.wait_ready(1)
    threads = [threading.Thread(target=Gateway(edge.api, edge.namespace, "edge").scale, args=(count,)) for count in (5, 2, 4, 0, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    edge.scale(4)
    edge.wait_ready(4, within_s=120)
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")
