"""The operator against a real API server, with real gateways: what it makes, what it keeps as it should be, what it leaves alone."""

import base64
import json
import threading

import pytest
from operators import SYSTEM
from rtgw import Gateway, owner_of
from waiting import eventually

GATEWAY = "sluice.dev/gateway"


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
    assert (budgets["edge"].spec.min_available, budgets["edge"].spec.max_unavailable) == (2, None)  # disruption.maxUnavailable: 1
    assert budgets["edge-draining"].spec.min_available == 2147483647
    assert_disruptions_are_counted(edge, api)

    secret = api.core.read_namespaced_secret("sluice-admin-signing-key", SYSTEM)
    assert "PRIVATE KEY" in base64.b64decode(secret.data["private.pem"]).decode()
    keys = api.core.read_namespaced_config_map("edge-admin-keys", edge.namespace)
    assert owner_of(keys) == uid
    (public,) = keys.data.values()
    assert "PUBLIC KEY" in public and "PRIVATE" not in public


def assert_disruptions_are_counted(edge, api):
    """By the real disruption controller, which needs to know nothing of our kind: it learns of a new CRD within half a minute, and looks at a
    PodDisruptionBudget that it could not judge again only when something about it changes."""

    def counted():
        status = api.policy.read_namespaced_pod_disruption_budget("edge", edge.namespace).status
        return (status.expected_pods, status.current_healthy, status.desired_healthy, status.disruptions_allowed)

    eventually(lambda: counted() == (3, 3, 2, 1), "the PDB to count three pods, of which one may go")


@pytest.mark.parametrize("writer", ["a former release", "somebody else"])
def test_a_budget_that_says_max_unavailable_is_rewritten(edge, api, writer):
    """A budget must not say both. What a former release has applied goes with our apply; what a backup has brought back does not."""
    before = api.policy.read_namespaced_pod_disruption_budget("edge", edge.namespace)
    if writer == "somebody else":
        change, manager, how = {"spec": {"minAvailable": None, "maxUnavailable": 1}}, "restore", "application/merge-patch+json"
    else:
        plain = api.client.sanitize_for_serialization(before)
        change = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "edge", "ownerReferences": plain["metadata"]["ownerReferences"]}}
        change["spec"] = {"maxUnavailable": 1, "selector": plain["spec"]["selector"]}
        manager, how = next(entry.manager for entry in before.metadata.managed_fields if entry.operation == "Apply"), "application/apply-patch+yaml"
    force = {"force": True} if "apply" in how else {}
    written = api.policy.patch_namespaced_pod_disruption_budget("edge", edge.namespace, change, field_manager=manager, _content_type=how, **force).spec
    assert (written.min_available, written.max_unavailable) == (None, 1)

    def said():
        spec = api.policy.read_namespaced_pod_disruption_budget("edge", edge.namespace).spec
        return (spec.min_available, spec.max_unavailable)

    eventually(lambda: said() == (2, None), "the PDB in today's words")


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


def test_a_pod_deleted_by_others_is_replaced_at_once(edge, api):
    pod = edge.pods()[0]
    api.core.delete_namespaced_pod(pod.metadata.name, edge.namespace)
    eventually(lambda: edge.status()["replicas"] == 3 and pod.metadata.uid not in {p.metadata.uid for p in edge.pods()}, "a replacement")
    edge.wait_ready(3)


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
        api.core.patch_namespaced_pod(pod.metadata.name, namespace, {"metadata": {"annotations": {"sluice.dev/session-cost": str(number)}}})
    eventually(lambda: operator.metric(reconciles) >= looks + 20, "the operator to have looked many times")
    assert operator.writes(code=403) - refused <= 10
    assert edge.condition("Progressing")["reason"] == "CreateFailed"
    api.core.patch_namespaced_resource_quota("pods", namespace, {"spec": {"hard": {"pods": "9"}}})
    edge.wait_ready(3, within_s=120)


def test_an_event_of_a_pod_that_tells_nothing_is_not_looked_at(edge, operator, api):
    pod = edge.wait_ready(3)[0].metadata.name
    skipped = "sluice_operator_looks_skipped_total"
    before = operator.metric(skipped)
    for number in range(20):
        api.core.patch_namespaced_pod(pod, edge.namespace, {"metadata": {"annotations": {"somebody.else/note": str(number)}}})
    eventually(lambda: operator.metric(skipped) > before, "an event to be skipped")
    # The next one that tells something is looked at.
    edge.change(scaleDown={"podsToDrain": [pod]})
    eventually(lambda: pod not in [one.metadata.name for one in edge.pods()], "the pod to be replaced")


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


def test_at_rest_nothing_is_written(edge, operator):
    edge.wait_ready(3)
    eventually(lambda: edge.condition("Progressing")["reason"] == "AtTarget", "rest")
    reconciles = 'controller_runtime_reconcile_total{controller="realtimegateway",result="success"}'
    states = 'sluice_operator_admin_calls_total{result="ok",verb="state"}'

    def written():
        return edge.read()["metadata"]["resourceVersion"], operator.writes()

    def rests():
        """Nothing is written while every state is asked for twice: the last sentences of a status may come 5 s late."""
        before, asked = written(), operator.metric(states)
        eventually(lambda: operator.metric(states) >= asked + 6, "states asked for twice more")
        return written() == before

    eventually(rests, "nothing to be written")
    assert operator.writes() > 0
    assert operator.metric(reconciles) > 0


def test_metrics_and_probes(operator, edge):
    assert operator.get("/healthz") == "ok\n"
    assert operator.get("/readyz") == "ok\n"
    assert operator.metric('controller_runtime_reconcile_errors_total{controller="realtimegateway"}') is not None
    assert operator.metric('workqueue_depth{controller="realtimegateway",name="realtimegateway",priority="0"}') is not None
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
