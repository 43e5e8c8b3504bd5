"""What a run came to, without what differs between two good runs: the end state, and what was made and removed on the way (Sieve's two summaries)."""

import collections
import json

from . import facts

# Times, addresses and identities are of one run. Resource versions and generations count writes, also of status.
DROPPED = {
    "metadata": {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "namespace", "selfLink"},
    "services": {"clusterIP", "clusterIPs"},
}
STATUS_KEPT = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "drainingReplicas", "selector")
NOT_OURS = ("kube-root-ca.crt",)
# What a scenario has put there.
SCENERY = ("resourcequotas", "nodes")


def end_state(objects, names, owner_uid):
    """Of the objects that are there, by kind and name; pods, whose names mean nothing, as a sorted list."""
    state = {"pods": []}
    for seen in sorted(objects, key=lambda seen: (seen.resource, seen.name)):
        if seen.name in NOT_OURS or seen.resource in SCENERY:
            continue
        if seen.resource == "pods":
            state["pods"].append(_masked(_pod(seen.object), names, owner_uid))
        else:
            state[f"{seen.resource}/{seen.name}"] = _masked(_other(seen), names, owner_uid)
    state["pods"].sort(key=lambda pod: json.dumps(pod, sort_keys=True))
    return state


def lifecycle(history):
    """How often something was made and removed: objects by name, pods in all."""
    counts = collections.Counter()
    for seen in history:
        if seen.kind != "MODIFIED" and seen.name not in NOT_OURS and seen.resource not in SCENERY:
            counts[f"{seen.kind} {seen.resource}" + ("" if seen.resource == "pods" else f" {seen.name}")] += 1
    return dict(sorted(counts.items()))


def states(history):
    """Abstract states that the fleet was in: what was wanted, and each pod by what it was."""
    found, pods, wanted = set(), {}, None
    for seen in history:
        if seen.resource == "realtimegateways":
            wanted = "deleting" if seen.terminating else seen.object["spec"].get("replicas")
        elif seen.resource == "pods":
            pods.pop(seen.uid, None)
            if not seen.gone:
                rate = bool(seen.annotations.get(facts.RATE))
                label = *(seen.labels.get(name) for name in (facts.STATE, facts.TRAFFIC, facts.REVISION)), facts.out(seen)
                pods[seen.uid] = (*label, facts.ready(seen), facts.draining(seen), rate, seen.terminating)
        found.add((wanted, tuple(sorted(map(str, pods.values())))))
    return found


def difference(expected, found, path=""):
    """Sentences that say where two values differ, at most the first few."""
    if isinstance(expected, dict) and isinstance(found, dict):
        sentences = []
        for key in sorted(set(expected) | set(found)):
            sentences += difference(expected.get(key), found.get(key), f"{path}.{key}" if path else key)
        return sentences[:8]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [sentence for i, (a, b) in enumerate(zip(expected, found)) for sentence in difference(a, b, f"{path}[{i}]")][:8]
    return [] if expected == found else [f"{path}: {_short(found)} where {_short(expected)} is expected"]


def _short(value):
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 160 else text[:160] + "..."


def _pod(thing):
    status = thing["status"]
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    spec = {key: value for key, value in thing["spec"].items() if key != "nodeName"}
    # The service account's volume has a random name, also where it is mounted.
    text = json.dumps(spec)
    for volume in spec.get("volumes", []):
        if volume["name"].startswith("kube-api-access-"):
            text = text.replace(volume["name"], "kube-api-access")
    return {"metadata": _metadata(thing), "spec": json.loads(text), "phase": status.get("phase"), "ready": conditions.get("Ready")}


def _other(seen):
    kept = {key: value for key, value in seen.object.items() if key not in ("metadata", "status", "data")}
    kept["metadata"] = _metadata(seen.object)
    if seen.resource == "services":
        kept["spec"] = {key: value for key, value in seen.object["spec"].items() if key not in DROPPED["services"]}
    if seen.resource == "configmaps":
        kept["data"] = len(seen.object.get("data") or {})  # Keys of this run's operator.
    if seen.resource == "realtimegateways":
        status = seen.object.get("status", {})
        kept["status"] = {key: status.get(key) for key in STATUS_KEPT}
        kept["status"] |= {key: status.get(key, []) for key in ("drains", "offline")}
        kept["status"] |= {key: status.get(key, {}).get("phase") for key in ("rollout", "rebalance")}
        kept["status"]["conditions"] = {c["type"]: [c["status"], c.get("reason")] for c in status.get("conditions", [])}
    return kept


def _metadata(thing):
    return {key: value for key, value in thing["metadata"].items() if key not in DROPPED["metadata"]}


def _masked(value, names, owner_uid):
    if isinstance(value, dict):
        return {key: _masked(each, names, owner_uid) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, names, owner_uid) for each in value]
    if isinstance(value, str):
        return "<owner>" if value == owner_uid else "<pod>" if value in names else value
    return value
