"""Spec-state consistency (Acto's first oracle): what is there is what the spec says. Pure: sentences where it is not."""

import math

from .facts import GATEWAY, amount, live, ready


def complaints(gateway, pods, objects):
    """`gateway` as the record has it, its pods, and all objects of the namespace by (resource, name)."""
    spec, status = gateway["spec"], gateway.get("status", {})
    name = gateway["metadata"]["name"]
    yield from _pods(spec, status, pods)
    yield from _budgets(spec, name, objects)
    service = objects.get(("services", name))
    if service is None:
        yield f"there is no Service {name}"
    elif service.object["spec"]["selector"] != {GATEWAY: name, "sluice.dev/traffic": "on"}:
        yield f"the Service selects {service.object['spec']['selector']}"
    if ("configmaps", f"{name}-admin-keys") not in objects:
        yield f"there is no ConfigMap {name}-admin-keys"


def _pods(spec, status, pods):
    if len(pods) != spec["replicas"]:
        yield f"{len(pods)} pods, {spec['replicas']} replicas"
    for field in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"):
        if status.get(field) != spec["replicas"]:
            yield f"status.{field} is {status.get(field)}, spec.replicas {spec['replicas']}"
    for seen in pods:
        if not live(seen) or not ready(seen):
            yield f"{seen.name} does not serve"
        labels = {"sluice.dev/state": "active", "sluice.dev/traffic": "on", "sluice.dev/revision": status.get("updateRevision")}
        for label, wanted in labels.items():
            if seen.labels.get(label) != wanted:
                yield f"{seen.name} has the label {label}={seen.labels.get(label)}, not {wanted}"
        yield from _template(spec.get("template", {}), seen)


def _template(template, seen):
    """Each field of the template is the pod's."""
    meta, wanted = template.get("metadata", {}), template.get("spec", {})
    for key, value in {**meta.get("labels", {}), **meta.get("annotations", {})}.items():
        if value not in (seen.labels.get(key), seen.annotations.get(key)):
            yield f"{seen.name} lacks {key}={value} of the template"
    for field in ("terminationGracePeriodSeconds", "restartPolicy"):
        if field in wanted and seen.object["spec"].get(field) != wanted[field]:
            yield f"{seen.name} has {field} {seen.object['spec'].get(field)}, the template {wanted[field]}"
    there = {container["name"]: container for container in seen.object["spec"]["containers"]}
    for container in wanted.get("containers", []):
        if container["name"] not in there:
            yield f"{seen.name} lacks the container {container['name']}"
        elif "image" in container and there[container["name"]]["image"] != container["image"]:
            yield f"{seen.name} runs {there[container['name']]['image']}, the template says {container['image']}"


def _budgets(spec, name, objects):
    wanted = spec.get("disruption", {}).get("maxUnavailable", 1)
    own, draining = objects.get(("poddisruptionbudgets", name)), objects.get(("poddisruptionbudgets", f"{name}-draining"))
    # Where none may be unavailable, or none is wanted, no eviction goes through, however many pods there are.
    replicas = spec.get("replicas", 1)
    stay = 2147483647 if replicas == 0 or wanted in (0, "0%") else max(replicas - amount(wanted, replicas, math.ceil), 0)
    if own is None or own.object["spec"].get("minAvailable") != stay or "maxUnavailable" in own.object["spec"]:
        yield f"the PodDisruptionBudget {name} says {own and own.object['spec']}, the spec {wanted}"
    if draining is None or draining.object["spec"].get("minAvailable") != 2147483647:
        yield f"the PodDisruptionBudget {name}-draining lets draining pods be evicted"
