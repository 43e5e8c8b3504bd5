"""0 -> N pods that are Ready: the operator, and a ReplicaSet of the real controller-manager with the same pods, the same Service and budgets beside it.

Both by the API server's own record: from the request to scale until kwok has written that the last pod runs, and every call that the actor made about this
namespace until it rests, status and events too. While a ReplicaSet scales, the operator is not there.
"""

import time

from .. import audit, figures
from ..kube import gateways_path, wait_until
from ..processes import cpu_ticks, TICKS_PER_SECOND

OURS, THEIRS = "sluice-operator", "ReplicaSet"
MINE = "bench.sluice.dev/replica-set"  # In the place of our own labels, which the operator would take an interest in.
REST_S = 5
PATIENCE_S = 600


def run(world, options):
    world.need_kwok()
    template = _template(world)
    # The first thousand pods of a control plane pay for the growth of its heaps, whoever makes them: half as much again. They are in no round.
    world.say(f"scale, before the rounds, {THEIRS}: {_theirs(world, 'scale-0-rs', options.scale_pods, template).wall_s:.2f} s")
    walls, calls = [], []
    for number, order in enumerate(figures.alternating(options.rounds, (OURS, THEIRS)), start=1):
        measured = {}
        for side in order:
            namespace = f"scale-{number}-{'ours' if side == OURS else 'rs'}"
            measured[side] = _ours(world, namespace, options.scale_pods) if side == OURS else _theirs(world, namespace, options.scale_pods, template)
            _tell(world, number, side, measured[side])
        walls.append((measured[OURS].wall_s, measured[THEIRS].wall_s))
        calls.append((len(measured[OURS].calls), len(measured[THEIRS].calls)))
    return {"operator.scale1000.wall_ratio": figures.median_ratio(walls), "operator.scale1000.api_calls_ratio": figures.median_ratio(calls)}


class Measured:
    """One side of one round."""

    def __init__(self, wall_s, calls, cpu_s):
        self.wall_s, self.calls, self.cpu_s = wall_s, calls, cpu_s


def _tell(world, number, side, measured):
    world.say(f"scale, round {number}, {side}: {measured.wall_s:.2f} s, {len(measured.calls)} calls, {measured.cpu_s:.2f} s of CPU")
    for kind, count in list(audit.kinds(measured.calls).items())[:8]:
        world.say(f"    {count:6} {kind}")


def _template(world):
    """Of a pod as the operator makes it: what a ReplicaSet's pods have to be, so that both sides' cost the API server the same."""
    with world.operator(), world.namespace("template"):
        path = world.make_gateway("template", "edge", replicas=1)
        pod = wait_until(lambda: next(iter(world.pods("template")), None), "a pod of the operator's", PATIENCE_S)
        world.kube.delete(path)
        wait_until(lambda: world.kube.get(path) is None, "the gateway to be gone", PATIENCE_S)
    return replica_set_template(pod)


def replica_set_template(pod):
    """The same pod in a ReplicaSet's words: as many labels, and no trace of its scheduling. Pure."""
    labels = {name.replace("sluice.dev/", "bench.sluice.dev/"): value for name, value in pod["metadata"]["labels"].items()}
    spec = {name: value for name, value in pod["spec"].items() if name not in ("nodeName", "serviceAccount", "serviceAccountName", "priority", "preemptionPolicy")}
    return {"metadata": {"labels": {**labels, MINE: "edge"}, "annotations": pod["metadata"].get("annotations", {})}, "spec": spec}


def _ours(world, namespace, pods):
    with world.operator() as operator, world.namespace(namespace):
        path = world.make_gateway(namespace, "edge", replicas=0)
        wait_until(lambda: world.kube.get(path).get("status", {}).get("observedGeneration"), "the gateway to be seen", PATIENCE_S, [operator])
        measured = _scale(world, namespace, path, pods, audit.by_operator, operator.cpu_seconds)
    # Without the namespace's grace: the gateway drains all its pods, which hold nothing, and nobody measures that.
    with world.operator():
        world.wait_gone(namespace, PATIENCE_S)
    return measured


def _theirs(world, namespace, pods, template):
    with world.namespace(namespace):
        _stand_ins(world, namespace, pods)
        sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
        world.kube.create(sets, {"metadata": {"name": "edge"}, "spec": {"replicas": 0, "selector": {"matchLabels": {MINE: "edge"}}, "template": template}})
        path = f"{sets}/edge"
        wait_until(lambda: world.kube.get(path).get("status", {}).get("observedGeneration"), "the ReplicaSet to be seen", PATIENCE_S)
        measured = _scale(world, namespace, path, pods, audit.by_replica_set_controller, lambda: _cpu_of(world.part("kube-controller-manager")))
    world.wait_gone(namespace, PATIENCE_S)
    return measured


def _stand_ins(world, namespace, pods):
    """The Service and the two budgets that stand beside a gateway: endpoints and disruption controllers then have the same to do."""
    traffic = {MINE: "edge", "bench.sluice.dev/traffic": "on"}
    ports = [{"name": "ws", "port": 8080, "targetPort": "ws"}, {"name": "wss", "port": 8443, "targetPort": "wss"}]
    world.kube.create(f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "edge"}, "spec": {"selector": traffic, "ports": ports}})
    budgets = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    for name, state, bound in (("edge", "active", {"minAvailable": pods - 1}), ("edge-draining", "draining", {"minAvailable": 2147483647})):
        selector = {"matchLabels": {MINE: "edge", "bench.sluice.dev/state": state}}
        world.kube.create(budgets, {"metadata": {"name": name}, "spec": {"selector": selector, **bound}})


def _scale(world, namespace, path, pods, actor, cpu_seconds):
    log = world.audit()
    cpu_before = cpu_seconds()
    world.kube.scale(path, pods)
    wait_until(lambda: len(audit.readied(log.read(), namespace)) >= pods, f"{pods} pods that are ready", PATIENCE_S)
    wait_until(lambda: world.kube.get(path)["status"].get("readyReplicas") == pods, f"the status to say {pods}", PATIENCE_S)
    wait_until(lambda: _rests(log, actor, namespace), "rest", PATIENCE_S)
    cpu_s = cpu_seconds() - cpu_before
    calls = log.read()
    began = audit.scaled_at(calls, namespace)
    wall_s = max(audit.readied(calls, namespace).values()) - began
    own = [call for call in audit.counted(calls, actor, namespace) if call.began >= began]
    return Measured(wall_s, own, cpu_s)


def _rests(log, actor, namespace):
    own = audit.counted(log.read(), actor, namespace)
    return bool(own) and time.time() - max(call.at for call in own) > REST_S


def _cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return cpu_ticks(file.read()) / TICKS_PER_SECOND
