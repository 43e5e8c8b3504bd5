"""What happened, put together from observations in the order they came. No I/O and no clock: time is what an observation says."""

import dataclasses
import datetime
import json

from . import parse
from .observations import EventSeen, GatewaySeen, HpaSeen, LastWords, LoadReported, MemorySeen, PodSeen, Scraped

STATE_LABEL = "sluice.dev/state"
TRAFFIC_LABEL = "sluice.dev/traffic"
DRAIN_ANNOTATION = "sluice.dev/drain"
CONNECTIONS_METRIC = "rtgw_connections"
QUEUE_METRIC = "rtgw_task_queue_length"


@dataclasses.dataclass
class Drain:
    """One drain of one pod, from the annotation to the end of it."""

    pod: str
    uid: str
    reason: str
    deadline: float  # Unix time.
    started_at: float
    initial: int  # Connections of the pod's last answer before the drain began.
    receivers: int  # Ready pods that take new connections, at the beginning.
    beside: int  # Other drains under way at the beginning.
    messages_before: float | None = None  # Of the first answer that was made after the beginning.
    messages_during: float | None = None  # Since that one; None without one.
    samples: list = dataclasses.field(default_factory=list)  # (seconds since the start, connections) of every answer.
    ended_at: float | None = None  # DELETE was asked for, or the drain was taken back.
    cancelled: bool = False
    past_deadline: bool = False
    connections_left: int | None = None  # When DELETE was asked for.

    @property
    def duration_s(self):
        return None if self.ended_at is None else self.ended_at - self.started_at


@dataclasses.dataclass
class Pod:
    """A gateway pod, and what it last said of itself."""

    name: str
    uid: str
    address: str = ""
    state: str = ""
    takes_traffic: bool = False
    seen_at: float = 0.0
    ready_at: float | None = None
    ready: bool = False
    connections: int = 0
    queue: float = 0.0
    messages: float = 0.0
    drain: Drain | None = None
    deleting_at: float | None = None
    left_at_deletion: int | None = None  # See _answered_since_deletion.
    answered_since_deletion: bool = False
    gone_at: float | None = None

    @property
    def alive(self):
        return self.gone_at is None


@dataclasses.dataclass(frozen=True)
class HpaSample:
    at: float
    phase: str
    desired: int
    current: int
    connections_average: float | None  # As the HPA sees them.
    queue_average: float | None
    connections_total: int  # As the pods themselves said at that time.


@dataclasses.dataclass(frozen=True)
class Happening:
    """A Kubernetes event, once for each time it was reported."""

    at: float
    subject: str
    reason: str
    message: str


class Record:
    """Apply observations in order; read the fields at any time. Threads: one."""

    def __init__(self):
        self.pods = {}  # By uid: names are used again.
        self.drains = []
        self.hpa = []
        self.happenings = []
        self.gateway = None
        self.hpa_object = None
        self.load = None
        self.loads = []  # (at, clients connected), for what was there when.
        self.memory = {}  # Program -> the largest seen.
        self.phase = ""
        self.phases = {}  # Name -> when it began.
        self._counted_events = {}

    def enter(self, phase, at):
        self.phase = phase
        self.phases[phase] = at

    def apply(self, seen):
        match seen:
            case PodSeen():
                self._pod(seen)
            case Scraped():
                self._scraped(seen)
            case LastWords():
                self._last_words(seen)
            case HpaSeen():
                self._hpa(seen)
            case GatewaySeen():
                self.gateway = seen.gateway
            case EventSeen():
                self._event(seen)
            case LoadReported():
                self.load = seen.report
                self.loads.append((seen.at, seen.report["connected"]))
            case MemorySeen():
                self.memory[seen.program] = max(self.memory.get(seen.program, 0), seen.bytes)

    # What is asked of it.

    @property
    def living(self):
        return [pod for pod in self.pods.values() if pod.alive]

    @property
    def connections_total(self):
        return sum(pod.connections for pod in self.living)

    @property
    def receivers(self):
        return sum(pod.ready and pod.takes_traffic and pod.deleting_at is None for pod in self.living)

    @property
    def open_drains(self):
        return [drain for drain in self.drains if drain.ended_at is None]

    @property
    def finished_drains(self):
        return [drain for drain in self.drains if drain.ended_at is not None and not drain.cancelled]

    # What is seen.

    def _pod(self, seen):
        meta = seen.pod["metadata"]
        pod = self.pods.setdefault(meta["uid"], Pod(meta["name"], meta["uid"], seen_at=seen.at))
        if seen.deleted:
            self._deletion_asked(pod, seen.at)
            pod.gone_at = seen.at
            return
        labels, status = meta.get("labels", {}), seen.pod.get("status", {})
        pod.address = status.get("podIP", "")
        pod.state = labels.get(STATE_LABEL, "")
        pod.takes_traffic = labels.get(TRAFFIC_LABEL) == "on"
        pod.ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
        if pod.ready and pod.ready_at is None:
            pod.ready_at = seen.at
        self._drain_annotation(pod, meta.get("annotations", {}).get(DRAIN_ANNOTATION), seen.at)
        if meta.get("deletionTimestamp"):
            self._deletion_asked(pod, seen.at)

    def _drain_annotation(self, pod, text, at):
        if text and pod.drain is None:
            said = json.loads(text)
            pod.drain = Drain(
                pod.name, pod.uid, said.get("reason", ""), unix_time(said["deadline"]), at, pod.connections,
                self.receivers, len(self.open_drains),
            )
            self.drains.append(pod.drain)
        elif not text and pod.drain is not None and pod.deleting_at is None:
            pod.drain.ended_at = at
            pod.drain.cancelled = True
            pod.drain = None

    def _deletion_asked(self, pod, at):
        if pod.deleting_at is not None:
            return
        pod.deleting_at = at
        pod.left_at_deletion = pod.connections
        if pod.drain is not None:
            pod.drain.ended_at = at
            pod.drain.connections_left = pod.connections

    def mark_past_deadline(self, uid, unix_now):
        """To be called at a deletion, with the wall clock."""
        drain = self.pods[uid].drain
        if drain is not None and unix_now >= drain.deadline:
            drain.past_deadline = True

    def _scraped(self, seen):
        pod = self.pods.get(seen.pod)
        if pod is None or seen.values is None:
            return
        pod.connections = int(seen.values.get(CONNECTIONS_METRIC, 0))
        pod.queue = seen.values.get(QUEUE_METRIC, 0.0)
        pod.messages = seen.values.get("rtgw_messages_received_total", pod.messages)
        if pod.drain is not None and pod.drain.ended_at is None:
            self._scraped_while_draining(pod, pod.drain, seen)
        if pod.deleting_at is not None:
            self._answered_since_deletion(pod, pod.connections)

    @staticmethod
    def _scraped_while_draining(pod, drain, seen):
        drain.samples.append((round(seen.at - drain.started_at, 3), pod.connections))
        # What was said in the second before the drain must not pass for what is said during it.
        if drain.messages_before is None and seen.asked_at >= drain.started_at:
            drain.messages_before = pod.messages
        if drain.messages_before is not None:
            drain.messages_during = pod.messages - drain.messages_before

    def _last_words(self, seen):
        self._answered_since_deletion(self.pods[seen.pod], seen.connections)

    def _answered_since_deletion(self, pod, connections):
        """The first word after the DELETE is what counts: what the pod held at its last word before may have ended by then."""
        if pod.answered_since_deletion:
            return
        pod.answered_since_deletion = True
        pod.left_at_deletion = connections
        if pod.drain is not None:
            pod.drain.connections_left = connections

    def _hpa(self, seen):
        self.hpa_object = seen.hpa
        status = seen.hpa.get("status", {})
        averages = {}
        for metric in status.get("currentMetrics") or []:
            source = metric.get("object") or metric.get("pods") or {}
            average = source.get("current", {}).get("averageValue")
            if average is not None:
                averages[source["metric"]["name"]] = parse.quantity(average)
        sample = HpaSample(
            seen.at, self.phase, status.get("desiredReplicas", 0), status.get("currentReplicas", 0),
            averages.get(CONNECTIONS_METRIC), averages.get(QUEUE_METRIC), self.connections_total,
        )
        self.hpa.append(sample)

    def _event(self, seen):
        event = seen.event
        count = event.get("count") or (event.get("series") or {}).get("count") or 1
        uid = event["metadata"]["uid"]
        if count <= self._counted_events.get(uid, 0):
            return
        self._counted_events[uid] = count
        regarding = event.get("involvedObject") or event.get("regarding") or {}
        subject = f"{regarding.get('kind', '')}/{regarding.get('name', '')}"
        self.happenings.append(Happening(seen.at, subject, event.get("reason", ""), event.get("message") or event.get("note") or ""))


def unix_time(rfc3339):
    return datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp()


def hpa_targets(hpa):
    """{metric name: averageValue} of an HPA's specification."""
    targets = {}
    for metric in hpa["spec"]["metrics"]:
        source = metric.get("object") or metric.get("pods")
        if source:
            targets[source["metric"]["name"]] = parse.quantity(source["target"]["averageValue"])
    return targets
