"""Observations for the tests, made the way the API server and the pods would put them."""

from sluice_demo.observations import EventSeen, GatewaySeen, HpaSeen, LoadReported, MemorySeen, PodSeen, Scraped
from sluice_demo.record import DRAIN_ANNOTATION, STATE_LABEL, TRAFFIC_LABEL, Record
from sluice_demo.scenario import ECHOES_PER_SECOND

DEADLINE = "2026-11-23T09:30:00Z"


def pod(at, name, *, ready=True, draining=False, deleting=False, deleted=False, uid=None):
    meta = {
        "name": name, "uid": uid or f"uid-{name}",
        "labels": {STATE_LABEL: "draining" if draining else "active", TRAFFIC_LABEL: "off" if draining else "on"},
        "annotations": {},
    }
    if draining:
        meta["annotations"][DRAIN_ANNOTATION] = (
            f'{{"reason":"ScaleDown","startedAt":"2026-11-23T09:00:00Z","deadline":"{DEADLINE}"}}'
        )
    if deleting:
        meta["deletionTimestamp"] = "2026-11-23T09:01:00Z"
    status = {"podIP": "10.98.0.9", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return PodSeen(at, deleted, {"metadata": meta, "status": status})


def scraped(at, name, connections, messages=0, queue=0, uid=None, asked_at=None):
    values = {"rtgw_connections": connections, "rtgw_task_queue_length": queue, "rtgw_messages_received_total": messages}
    return Scraped(at, at if asked_at is None else asked_at, uid or f"uid-{name}", values)


def hpa(at, desired, connections=None, queue=None, current=2):
    metrics = []
    if connections is not None:
        metrics.append({"type": "Object", "object": {"metric": {"name": "rtgw_connections"}, "current": {"averageValue": connections}}})
    if queue is not None:
        metrics.append({"type": "Pods", "pods": {"metric": {"name": "rtgw_task_queue_length"}, "current": {"averageValue": queue}}})
    spec = {"minReplicas": 2, "maxReplicas": 10, "metrics": [
        {"type": "Object", "object": {"metric": {"name": "rtgw_connections"}, "target": {"type": "AverageValue", "averageValue": "1500"}}},
        {"type": "Pods", "pods": {"metric": {"name": "rtgw_task_queue_length"}, "target": {"type": "AverageValue", "averageValue": "10"}}},
    ]}
    return HpaSeen(at, {"spec": spec, "status": {"desiredReplicas": desired, "currentReplicas": current, "currentMetrics": metrics}})


def gateway(at=0.0):
    return GatewaySeen(at, {"spec": {
        "reconnectBudget": {"perSecondPerReceiver": 150, "perSecondMax": 20000}, "drain": {"propagationDelay": "3s", "hintJitter": "5s"},
    }})


def event(at, reason, message, count=1, uid="event-1", kind="RealtimeGateway"):
    return EventSeen(at, {
        "metadata": {"uid": uid}, "count": count, "reason": reason, "message": message, "involvedObject": {"kind": kind, "name": "edge"},
    })


def load(at, connected, **changes):
    report = {
        "target": connected, "clients": connected, "connected": connected, "connecting": 0, "retiring": 0,
        "echoes": {"sent": 9, "received": 9, "outstanding": 0, "lost": 0, "lost_deaf": 0, "duplicate": 0, "reordered": 0, "corrupt": 0},
        "latency_ms": {"second": {"p50": 1.0, "p99": 2.0, "max": 3.0}},
        "ends": {"own_1000": 1, "hinted_1012": 2, "hinted_1012_deaf": 1, "abnormal": {"total": 0, "kinds": {}}},
        "connects": {"opened": 9, "reconnects": 1, "overlaps": 2, "refused": {"total": 0, "kinds": {}}},
        "hints": 2, "tasks": {"clients": 0, "sent": 5, "answered": 5, "outstanding": 0, "refused": 0, "wrong": 0, "lost": 0},
    }
    for path, value in changes.items():
        group, name = path.split("__")
        report[group][name] = value
    return LoadReported(at, report)


def memory(at, program, megabytes):
    return MemorySeen(at, program, int(megabytes * 1_000_000))


def record_of(*observations):
    record = Record()
    for seen in observations:
        record.apply(seen)
    return record


def drained_pod(name, begin, end, initial, messages=None):
    """A pod that drains cleanly from `begin` to `end`; its clients say what is due in 3 s unless told otherwise."""
    if messages is None:
        messages = initial * ECHOES_PER_SECOND * 3
    return [
        pod(begin - 30, name),
        scraped(begin - 0.5, name, initial, messages=90),
        pod(begin, name, draining=True),
        scraped(begin + 0.1, name, initial, messages=100),
        scraped(end - 0.2, name, 0, messages=100 + messages),
        pod(end, name, draining=True, deleting=True),
        scraped(end + 0.05, name, 0, messages=100 + messages),
        pod(end + 1, name, draining=True, deleting=True, deleted=True),
    ]
