"""Two operators with leader election; the one that leads is killed, or told to end, in the middle of its work. How long until the other one works, and what was done twice.

Each round is two blows: one while pods are made (some hundreds), one while pods are drained. What counts is the API server's record: the second operator's lease, its
first write after it, and every create, drain and delete of both.
"""

import signal
import time

from .. import audit, figures
from ..errors import BenchError
from ..kube import wait_until
from ..world import SYSTEM

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/sluice-operator"
KILLED, CLEAN = "killed", "clean"
PATIENCE_S = 300
# The drains of a round: slow enough to be met in the middle, on gateways that hold something.
DRAINING_FROM, DRAINING_TO = 12, 4
DRAINS_AT_ONCE = 4
CONNECTIONS = 100
DRAIN_RATE = 100


def run(world, options):
    world.need_kwok()
    world.set_connections(CONNECTIONS)
    seconds = {KILLED: [], CLEAN: []}
    twice = 0
    try:
        for number, order in enumerate(figures.alternating(options.rounds, (KILLED, CLEAN)), start=1):
            for how in order:
                for blow in (_while_making, _while_draining):
                    took, doubled = blow(world, options, f"failover-{number}-{how}", how)
                    seconds[how].append(took)
                    twice += sum(doubled.values())
                    world.say(f"failover, round {number}, {how}, {blow.__name__.removeprefix('_').replace('_', ' ')}: {took:.2f} s, done twice: {doubled}")
    finally:
        world.set_connections(0)
    return {
        "operator.failover.killed_s": figures.median(seconds[KILLED]),
        "operator.failover.clean_s": figures.median(seconds[CLEAN]),
        "operator.failover.double_actions": twice,
    }


def _while_making(world, options, namespace, how):
    namespace += "-make"
    pods = options.failover_pods

    def begin(path):
        world.kube.scale(path, pods)
        wait_until(lambda: len(_made(world, namespace)) >= pods // 4, "a quarter of the pods", PATIENCE_S)

    def ended(path):
        return world.kube.get(path)["status"].get("readyReplicas") == pods and len(_made(world, namespace)) == pods

    return _round(world, namespace, how, 0, begin, ended, pods, 0)


def _while_draining(world, options, namespace, how):
    namespace += "-drain"

    def begin(path):
        world.kube.scale(path, DRAINING_TO)
        wait_until(lambda: 0 < len(_made(world, namespace)) < DRAINING_FROM, "the first pod that has been drained", PATIENCE_S)

    def ended(path):
        return len(_made(world, namespace)) == DRAINING_TO

    return _round(world, namespace, how, DRAINING_FROM, begin, ended, DRAINING_FROM, DRAINING_FROM - DRAINING_TO)


def _made(world, namespace):
    return [pod for pod in world.pods(namespace) if "deletionTimestamp" not in pod["metadata"]]


def _round(world, namespace, how, replicas, begin, ended, creates, drains):
    """(seconds to the other's first write, what was done twice)."""
    log = world.audit()
    with world.operator("operator-a", wait=False) as first, world.operator("operator-b", wait=False) as second, world.namespace(namespace):
        wait_until(lambda: first.leads() or second.leads(), "one of the two to lead", PATIENCE_S, [first, second])
        leader, other = (first, second) if first.leads() else (second, first)
        path = _gateway(world, namespace, replicas)
        wait_until(lambda: world.kube.get(path).get("status", {}).get("readyReplicas", 0) == replicas, f"{replicas} pods", PATIENCE_S, [leader])
        begin(path)
        holder = world.kube.get(LEASE)["spec"]["holderIdentity"]
        struck = _strike(leader, how)
        wait_until(lambda: ended(path), "the work to be done by the other", PATIENCE_S, [other])
        calls = log.read()
        took = audit.took_lease([call for call in calls if call.at >= struck], "sluice-operator", holder)
        if took is None:
            raise BenchError("the work was done, but nobody has taken the lease")
        acted = audit.first_action(calls, audit.by_operator, took[0])
        doubled = audit.doubled(calls, audit.by_operator, namespace, creates, drains)
    with world.operator():
        world.wait_gone(namespace, PATIENCE_S)
    return acted - struck, doubled


def _strike(leader, how):
    """When; by the wall clock, as the audit log's."""
    struck = time.time()
    leader.signal(signal.SIGKILL if how == KILLED else signal.SIGTERM)
    return struck


def _gateway(world, namespace, replicas):
    return world.make_gateway(
        namespace,
        "edge",
        replicas=replicas,
        scaleDown={"maxConcurrentDrains": DRAINS_AT_ONCE},
        reconnectBudget={"perSecondPerReceiver": DRAIN_RATE // DRAINING_TO, "perSecondMax": DRAIN_RATE},
        drain={"propagationDelay": "1s", "hintJitter": "0s", "timeout": "5m"},
    )
