"""What the tests of rollouts and revisions say and ask: templates that differ, pods by version, the history, the status' own words."""

import kubernetes
from rtgw import GROUP, PLURAL, VERSION
from waiting import eventually

REVISION = "sluice.dev/revision"
PROMOTE = "sluice.dev/promote"
QUICK = {"propagationDelay": "500ms", "hintJitter": "500ms", "timeout": "5m"}


def template(version):
    """Pods of each version are alike but for an annotation: what differs is the revision."""
    return {"metadata": {"annotations": {"version": str(version)}}, "spec": {"terminationGracePeriodSeconds": 30}}


def staying(gateway):
    """The pods that are not being deleted."""
    return [pod for pod in gateway.pods() if pod.metadata.deletion_timestamp is None]


def versions(gateway):
    """Of the pods that are not being deleted, in order."""
    return sorted(pod.metadata.annotations["version"] for pod in staying(gateway))


def pods_of(gateway, version):
    return [pod for pod in staying(gateway) if pod.metadata.annotations["version"] == str(version)]


def revisions_of(gateway):
    """Of the pods that are not being deleted."""
    return {pod.metadata.labels[REVISION] for pod in staying(gateway)}


def images_of(gateway):
    """Of the pods that are not being deleted, in order."""
    return sorted(pod.spec.containers[0].image for pod in staying(gateway))


def uids_of(gateway):
    return {pod.metadata.uid for pod in gateway.pods()}


def delete_pod(gateway, pod):
    """As a person does who runs kubectl delete pod; waits until it is gone."""
    gateway.api.core.delete_namespaced_pod(pod.metadata.name, gateway.namespace)
    eventually(lambda: pod.metadata.uid not in uids_of(gateway), f"{pod.metadata.name} to go")


def apps(api):
    return kubernetes.client.AppsV1Api(api.client)


def history(gateway):
    """The numbers of the ControllerRevisions by revision."""
    listed = apps(gateway.api).list_namespaced_controller_revision(gateway.namespace, label_selector=f"sluice.dev/gateway={gateway.name}")
    return {item.metadata.labels[REVISION]: item.revision for item in listed.items}


def rollout(gateway):
    return gateway.status().get("rollout", {})


def wait_reason(gateway, kind, reason):
    return eventually(lambda: gateway.condition(kind).get("reason") == reason and gateway.condition(kind), f"{kind} to be {reason}")


def wait_summary(gateway, summary):
    eventually(lambda: rollout(gateway).get("summary") == summary, f"the column to say {summary}")


def promote(gateway):
    revision = gateway.status()["updateRevision"]
    annotate(gateway, f"{revision}/{rollout(gateway)['step']}")


def annotate(gateway, value):
    body = {"metadata": {"annotations": {PROMOTE: value}}}
    gateway.api.custom.patch_namespaced_custom_object(GROUP, VERSION, gateway.namespace, PLURAL, gateway.name, body)


def promotion(gateway):
    return gateway.read()["metadata"].get("annotations", {}).get(PROMOTE)
