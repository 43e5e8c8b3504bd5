"""Which revision a pod is made of, against a real API server: OnDelete, another default image, names that are taken."""

import pytest
from rollouts import (
    QUICK,
    REVISION,
    apps,
    delete_pod,
    history,
    images_of,
    pods_of,
    revisions_of,
    rollout,
    staying,
    template,
    uids_of,
    versions,
    wait_reason,
    wait_summary,
)
from rtgw import owner_of
from waiting import eventually

OLD_IMAGE = "registry.test/sluice-gateway:1"
NEW_IMAGE = "registry.test/sluice-gateway:2"
NAMED = {"spec": {"terminationGracePeriodSeconds": 30, "containers": [{"name": "gateway", "image": "registry.test/own:7"}]}}


@pytest.mark.parametrize("end", ["by deletion", "by RollingUpdate"])
def test_on_delete_replaces_what_somebody_deletes_and_nothing_else(rolled, end):
    """Steps do not count for it, however long they would hold."""
    edge = rolled(rollout={"type": "OnDelete", "canary": {"steps": [{"percent": 30, "hold": "10m"}]}})
    first = edge.status()["updateRevision"]
    before = uids_of(edge)
    edge.change(template=template(2))
    told = wait_reason(edge, "Progressing", "OnDelete")
    second = edge.status()["updateRevision"]
    assert second != first and told["status"] == "False"
    assert told["message"].startswith(f"0 of 3 pods are of revision {second}; the others stay until somebody deletes them")
    assert uids_of(edge) == before and rollout(edge)["summary"] == "OnDelete 0%"

    delete_pod(edge, edge.pods()[0])
    edge.wait_ready(3)
    assert versions(edge) == ["1", "1", "2"] and len(uids_of(edge) & before) == 2
    # What a scale-up makes is of the new template, too.
    edge.scale(4)
    edge.wait_ready(4)
    assert versions(edge) == ["1", "1", "2", "2"] and len(uids_of(edge) & before) == 2
    wait_summary(edge, "OnDelete 50%")
    status = edge.status()
    assert (status["currentRevision"], status["updatedReplicas"]) == (first, 2)
    assert edge.condition("CanaryHealthy")["reason"] == "NoCanary"
    assert edge.events("VictimSelected") == [] and edge.events("DrainStarted") == []

    if end == "by deletion":
        for pod in pods_of(edge, 1):
            delete_pod(edge, pod)
    else:
        edge.change(rollout={"type": "RollingUpdate"})
    eventually(lambda: versions(edge) == ["2"] * 4, "every pod to be of version 2")
    wait_summary(edge, "Complete")
    assert edge.status()["currentRevision"] == second
    assert bool(edge.events("VictimSelected")) == (end == "by RollingUpdate")


def test_another_default_image_is_a_rollout_of_those_that_name_none(gateways, operators):
    operators.start(image=OLD_IMAGE)
    bare = gateways("bare", replicas=3, drain=QUICK, rollout={"partition": 2})
    named = gateways("named", replicas=1, template=NAMED)
    bare.wait_ready(3)
    named.wait_ready(1)
    eventually(lambda: named.condition("Progressing").get("reason") == "AtTarget", "the one with an image of its own to rest")
    assert images_of(bare) == [OLD_IMAGE] * 3
    first = bare.status()["updateRevision"]
    own = (uids_of(named), history(named), named.status()["updateRevision"])

    restarted(operators, image=NEW_IMAGE)
    wait_summary(bare, "Partition 33%")
    eventually(lambda: images_of(bare) == [OLD_IMAGE, OLD_IMAGE, NEW_IMAGE], "one pod with the other image")
    second = bare.status()["updateRevision"]
    assert second != first and sorted(history(bare).values()) == [1, 2]
    # Nobody runs the operator with the former image any more: the ControllerRevision knows it.
    lost = next(pod for pod in staying(bare) if pod.spec.containers[0].image == OLD_IMAGE)
    delete_pod(bare, lost)
    bare.wait_ready(3)
    assert images_of(bare) == [OLD_IMAGE, OLD_IMAGE, NEW_IMAGE]

    bare.change(rollout={"partition": 0})
    eventually(lambda: images_of(bare) == [NEW_IMAGE] * 3, "the rest to follow")
    wait_summary(bare, "Complete")
    assert bare.status()["currentRevision"] == second
    assert len(bare.events("DrainTimedOut")) == 0

    # The former operator once more: a template that is known, not a third one.
    restarted(operators, image=OLD_IMAGE)
    eventually(lambda: images_of(bare) == [OLD_IMAGE] * 3, "the way back")
    wait_summary(bare, "Complete")
    assert bare.status()["updateRevision"] == first and history(bare) == {first: 3, second: 2}
    assert (uids_of(named), history(named), named.status()["updateRevision"]) == own


def test_the_way_back_to_a_template_that_json_may_spell_in_two_ways(rolled):
    """The API server writes &, < and > as \\u0026 and so on wherever it encodes anew, and compares a ControllerRevision's data byte by byte."""
    edge = rolled(replicas=1)
    shell = template("a && b > c")
    edge.change(template=shell)
    eventually(lambda: versions(edge) == ["a && b > c"], "the template with a shell's words")
    wait_summary(edge, "Complete")
    first = edge.status()["updateRevision"]
    edge.change(template=template(3))
    eventually(lambda: versions(edge) == ["3"], "another template")
    wait_summary(edge, "Complete")
    edge.change(template=shell)
    eventually(lambda: versions(edge) == ["a && b > c"], "the way back")
    wait_summary(edge, "Complete")
    assert edge.status()["updateRevision"] == first and history(edge)[first] == 4
    assert edge.events("RevisionNotKept") == []


def restarted(operators, **how):
    (running,) = operators.running()
    assert running.stop() == 0, running.log
    return operators.start(**how)


def known_revision(gateways, of):
    """What the operator makes of a template, whatever the gateway's name, and the template as the API server keeps it."""
    probe = gateways("probe", replicas=0, template=of)
    revision = eventually(lambda: probe.status().get("updateRevision"), "the revision")
    return revision, probe.read()["spec"]["template"]


def make_revision(api, namespace, revision, of, owner=None):
    """A ControllerRevision of the gateway `edge` that the operator has not made."""
    metadata = {"name": f"edge-{revision}", "labels": {"sluice.dev/gateway": "edge", REVISION: revision}}
    if owner is not None:
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name, "uid": owner.metadata.uid}
        metadata["ownerReferences"] = [{**reference, "controller": True, "blockOwnerDeletion": True}]
    body = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "data": {"template": of, "image": ""}, "revision": 7}
    return apps(api).create_namespaced_controller_revision(namespace, body)


def test_a_strangers_revision_of_the_same_name_is_stepped_over(rolled, gateways, operators, api, namespace):
    """It is left alone, the hash is made anew and the rollout goes on."""
    edge = rolled()
    first = edge.status()["updateRevision"]
    taken, content = known_revision(gateways, template(2))
    owner = api.core.create_namespaced_config_map(namespace, {"metadata": {"name": "owner"}})
    stranger = make_revision(api, namespace, taken, template(9), owner)

    edge.change(template=template(2))
    eventually(lambda: versions(edge) == ["2", "2", "2"], "every pod to be of version 2")
    wait_summary(edge, "Complete")
    status = edge.status()
    second = status["updateRevision"]
    assert status["collisionCount"] == 1 and second not in (first, taken)
    assert status["currentRevision"] == second and revisions_of(edge) == {second}
    assert edge.wait_event("RevisionCollision") == [f"the name of revision {taken} is taken"]
    assert len(edge.wait_event("RolloutStarted")) == 1
    there = apps(api).read_namespaced_controller_revision(stranger.metadata.name, namespace)
    assert there.metadata.resource_version == stranger.metadata.resource_version
    kept = apps(api).read_namespaced_controller_revision(f"edge-{second}", namespace)
    assert owner_of(kept) == edge.read()["metadata"]["uid"] and kept.data["template"] == content

    # The next leader knows the template by its content, not by a hash made anew; the count stays.
    before = {pod.metadata.uid for pod in edge.wait_ready(3)}
    restarted(operators)
    edge.scale(4)
    edge.wait_ready(4)
    assert before < uids_of(edge) and revisions_of(edge) == {second}
    assert edge.status()["collisionCount"] == 1


def test_a_revision_without_an_owner_is_taken_in_again(gateways, api, namespace, operator):
    """As a backup brings it back: no collision, and no second one of the same content. This one's JSON has blanks, as Python writes it:
    the API server cannot patch it, so it is made anew."""
    revision, content = known_revision(gateways, NAMED)
    orphan = make_revision(api, namespace, revision, content)
    edge = gateways(template=NAMED)
    edge.wait_ready(1)
    there = apps(api).read_namespaced_controller_revision(orphan.metadata.name, namespace)
    assert owner_of(there) == edge.read()["metadata"]["uid"] and there.data["template"] == content
    assert list(history(edge)) == [revision] and revisions_of(edge) == {revision}
    assert "collisionCount" not in edge.status() and edge.events("RevisionCollision") == []
