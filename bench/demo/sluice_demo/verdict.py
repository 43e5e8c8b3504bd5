"""The figures and whether they are good enough. Pure: a Record in, criteria out."""

import dataclasses
import math

from . import parse
from .record import CONNECTIONS_METRIC, QUEUE_METRIC, hpa_targets
from .scenario import ECHOES_PER_SECOND

MEGABYTE = 1_000_000
CLIENTS_MIN = 10_000
DRAINED_MIN = 2_000
VICTIM_MIN = 500
# Of what a victim's clients say before the first of them has to go. Half: they come and go, and the scrapes take time.
TALKING_MIN = 0.5
DRAIN_RATIO_MAX = 1.1
RSS_MAX_MB = 30


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One row of the table. `value` None means that it could not be measured, which is a failure."""

    name: str
    value: float | None
    unit: str
    bound: str  # "", ">= 10000", "<= 1.1", "= 0"
    figure: bool  # Whether it is one of the figures that are compared over time.

    @property
    def good(self):
        if self.value is None:
            return False
        if not self.bound:
            return True
        operator, limit = self.bound.split()
        limit = float(limit)
        return {">=": self.value >= limit, "<=": self.value <= limit, "=": self.value == limit}[operator]

    @property
    def text(self):
        if self.value is None:
            return "not measured"
        return f"{self.value:.0f}" if float(self.value).is_integer() else f"{self.value:.2f}"


def criteria(record):
    """All rows, the figures first."""
    figures = [Criterion(name, _measured(value), unit, bound, figure=True) for name, value, unit, bound in _figures(record)]
    return figures + [Criterion(*row, figure=False) for row in _checks(record)]


def _measured(value):
    """A count or a time below zero is of something that began before we looked."""
    return None if value is not None and value < 0 else value


def _figures(record):
    final = record.load or {}
    return [
        ("demo.clients", max((connected for _, connected in record.loads), default=None), "connections", f">= {CLIENTS_MIN}"),
        ("demo.scale_up_first_pod_s", scale_up_first_pod_s(record), "s", ""),
        ("demo.drained_connections", drained_while_talking(record), "connections", f">= {DRAINED_MIN}"),
        ("demo.drain_time_ratio", max(drain_ratios(record).values(), default=None), "ratio", f"<= {DRAIN_RATIO_MAX}"),
        ("demo.abnormal_closes", final.get("ends", {}).get("abnormal", {}).get("total"), "closes", "= 0"),
        ("demo.lost_echoes", final.get("echoes", {}).get("lost"), "echoes", "= 0"),
        ("demo.scaled_by_queue", int(scaled_by_queue(record)), "bool", "= 1"),
        ("demo.deleted_with_connections", deleted_with_connections(record), "pods", "= 0"),
        ("demo.operator_rss_mb", megabytes(record, "operator"), "MB", f"<= {RSS_MAX_MB}"),
        ("demo.adapter_rss_mb", megabytes(record, "adapter"), "MB", f"<= {RSS_MAX_MB}"),
    ]


def _checks(record):
    final = record.load or {}
    echoes, tasks = final.get("echoes", {}), final.get("tasks", {})
    return [
        ("pods deleted after a drain", len(record.finished_drains), "pods", ">= 2"),
        ("connections of the smallest victim", min((d.initial for d in record.finished_drains), default=None), "connections", f">= {VICTIM_MIN}"),
        ("messages through the quietest victim, of those due", quietest_victim(record), "ratio", f">= {TALKING_MIN}"),
        ("scaled up by connections", int(scaled_by_connections(record)), "bool", "= 1"),
        ("pods beyond what the clients that stayed need", pods_too_many(record), "pods", "= 0"),
        ("clients left at the end", final.get("clients"), "clients", "= 0"),
        ("echoes awaited at the end", echoes.get("outstanding"), "echoes", "= 0"),
        ("echoes neither answered nor lost", unaccounted_echoes(echoes), "echoes", "= 0"),
        ("echoes answered wrongly or twice", wrong_echoes(echoes), "echoes", "= 0"),
        ("tasks answered rightly", tasks.get("answered"), "tasks", ">= 1"),
        ("tasks lost or answered wrongly", wrong_tasks(tasks), "tasks", "= 0"),
    ]


def scale_up_first_pod_s(record):
    """From the moment more clients were connected than the pods of the start are meant for, until one more pod was ready."""
    if record.hpa_object is None:
        return None
    least = record.hpa_object["spec"]["minReplicas"]
    enough = least * hpa_targets(record.hpa_object)[CONNECTIONS_METRIC]
    needed_at = next((at for at, connected in record.loads if connected > enough), None)
    ready = sorted(pod.ready_at for pod in record.pods.values() if pod.ready_at is not None)
    if needed_at is None or len(ready) <= least:
        return None
    return ready[least] - needed_at


def drain_ratios(record):
    """Drain time over propagationDelay + max(initial / budget, hintJitter), for each finished drain's pod uid."""
    if record.gateway is None:
        return {}
    spec = record.gateway["spec"]
    delay_s, jitter_s = parse.duration_s(spec["drain"]["propagationDelay"]), parse.duration_s(spec["drain"]["hintJitter"])
    return {
        drain.uid: drain.duration_s / (delay_s + max(drain.initial / budget_per_second(spec, drain), jitter_s))
        for drain in record.finished_drains
    }


def budget_per_second(spec, drain):
    """The part of the fleet's budget that this drain could count on when it began."""
    budget = spec["reconnectBudget"]
    whole = min(budget["perSecondMax"], budget["perSecondPerReceiver"] * max(1, drain.receivers))
    return whole / (drain.beside + 1)


def scaled_by_queue(record):
    """Whether the HPA asked for more pods than the connections need while the queues were over their target."""
    if record.hpa_object is None:
        return False
    targets = hpa_targets(record.hpa_object)
    most_connections = 0
    for sample in record.hpa:
        most_connections = max(most_connections, sample.connections_total)
        # Against the most there ever were: connections that have just left cannot pass for a queue.
        by_connections = math.ceil(most_connections / targets[CONNECTIONS_METRIC])
        over = sample.queue_average is not None and sample.queue_average > targets[QUEUE_METRIC]
        if over and by_connections > 0 and sample.desired > by_connections:
            return True
    return False


def scaled_by_connections(record):
    """Whether the HPA said so itself: its event names the metric."""
    return any(
        each.reason == "SuccessfulRescale" and CONNECTIONS_METRIC in each.message and "above target" in each.message
        for each in record.happenings
    )


def deleted_with_connections(record):
    """Pods that still held connections when they were deleted, before the deadline of their drain."""
    deleted = [pod for pod in record.pods.values() if pod.deleting_at is not None]
    return sum(pod.left_at_deletion > 0 and not (pod.drain is not None and pod.drain.past_deadline) for pod in deleted)


def talk(record):
    """What went through each finished drain's pod, over what its clients say in propagationDelay, when none has to go yet; by uid.
    0 where it could not be measured."""
    if record.gateway is None:
        return {}
    delay_s = parse.duration_s(record.gateway["spec"]["drain"]["propagationDelay"])
    due = {drain.uid: drain.initial * ECHOES_PER_SECOND * delay_s for drain in record.finished_drains}
    return {drain.uid: (drain.messages_during or 0) / due[drain.uid] if due[drain.uid] else 0 for drain in record.finished_drains}


def quietest_victim(record):
    return min(talk(record).values(), default=None)


def drained_while_talking(record):
    """Connections of the victims that were busy: many clients, and they went on talking."""
    shares = talk(record)
    return sum(drain.initial for drain in record.finished_drains if drain.initial >= VICTIM_MIN and shares.get(drain.uid, 0) >= TALKING_MIN)


def pods_too_many(record):
    """How far the HPA's last word is from ceil(connections / target), within its own bounds."""
    samples = [sample for sample in record.hpa if sample.phase == "done"]
    if record.hpa_object is None or not samples:
        return None
    spec = record.hpa_object["spec"]
    needed = math.ceil(samples[-1].connections_total / hpa_targets(record.hpa_object)[CONNECTIONS_METRIC])
    return samples[-1].desired - max(spec["minReplicas"], min(spec["maxReplicas"], needed))


def unaccounted_echoes(echoes):
    return echoes["sent"] - echoes["received"] - echoes["lost"] if echoes else None


def wrong_echoes(echoes):
    return sum(echoes[kind] for kind in ("duplicate", "reordered", "corrupt")) if echoes else None


def wrong_tasks(tasks):
    return tasks["lost"] + tasks["wrong"] if tasks else None


def megabytes(record, program):
    return record.memory[program] / MEGABYTE if program in record.memory else None


def passed(rows):
    return all(row.good for row in rows)


def details(record):
    """The run in numbers, for a closer look afterwards."""
    ratios, shares = drain_ratios(record), talk(record)
    return {
        "criteria": [{**dataclasses.asdict(row), "good": row.good} for row in criteria(record)],
        "phases": record.phases,
        "drains": [
            {**dataclasses.asdict(drain), "duration_s": drain.duration_s, "ratio": ratios.get(drain.uid), "talk": shares.get(drain.uid)}
            for drain in record.drains
        ],
        "hpa": [dataclasses.asdict(sample) for sample in record.hpa],
        "happenings": [dataclasses.asdict(each) for each in record.happenings],
        "load": record.load,
    }
