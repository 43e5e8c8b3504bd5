"""A fleet of N pods and some dozens of gateways, at rest and under a stream of pod events: the operator, and a controller-runtime manager that caches the same.

Each side has the machine to itself in its turn, begins with the fleet there, and is looked at in three steps: it settles, it rests for a minute (memory, CPU,
writes), then all hear the same streams of events (latency): one of what neither reads, and, told beside it, one of what the operator has to look at.
"""

import json
import subprocess
import time

from .. import audit, exposition, figures
from ..errors import BenchError
from ..kube import gateways_path, wait_until
from ..processes import Process, cpu_percent

OURS, THEIRS = "sluice-operator", "controller-runtime"
NAMESPACES = 10
PATIENCE_S = 1200
QUIET_S = 5
UNREAD, READ = "bench.sluice.dev/event", "sluice.dev/session-cost"  # Annotations of pods; the operator counts by the second one.
DRIFT = 0.9  # Of the rate that was asked for, so much has to have come through.


class Heard:
    """One stream of events."""

    def __init__(self, latencies, reconciles, busy_percent, full_rate):
        self.p50_ms, self.p99_ms = (1000 * _need(exposition.quantile(latencies, share)) for share in (0.5, 0.99))
        self.reconciles, self.busy_percent = reconciles, busy_percent
        self.full_rate = full_rate  # Whether the events came as fast as they were asked for: else their latency is another figure.

    def __str__(self):
        return f"p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms, {self.reconciles} reconciles, CPU {self.busy_percent:.0f} %"


class Looked:
    """One side of one round."""

    def __init__(self):
        self.rss_mb = self.peak_mb = self.cpu_percent = self.rss_after_mb = 0.0
        self.writes = 0
        self.heard = self.had_to_look = None


def run(world, options):
    world.need_kwok()
    namespaces = [f"fleet-{number}" for number in range(min(NAMESPACES, options.gateways))]
    for namespace in namespaces:
        world.kube.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    _grow(world, options, namespaces)
    rounds = []
    for number, order in enumerate(figures.alternating(options.rounds, (OURS, THEIRS)), start=1):
        looked = {side: _ours(world, options) if side == OURS else _theirs(world, options) for side in order}
        for side in order:
            _tell(world, number, side, looked[side])
        rounds.append((looked[OURS], looked[THEIRS]))
    _remove(world, namespaces)
    return _figures(rounds)


def _figures(rounds):
    ours = [mine for mine, _ in rounds]
    latencies = _latencies("", [(mine.heard, theirs.heard) for mine, theirs in rounds])
    latencies |= _latencies("looked_", [(mine.had_to_look, theirs.had_to_look) for mine, theirs in rounds])
    return latencies | {
        "operator.rss5000.mb": figures.median(mine.rss_mb for mine in ours),
        "operator.rss5000.ratio_vs_controller_runtime": figures.median_ratio((mine.rss_mb, theirs.rss_mb) for mine, theirs in rounds),
        "operator.idle5000.cpu_percent": figures.median(mine.cpu_percent for mine in ours),
        "operator.idle5000.writes_60s": max(mine.writes for mine in ours),
    }


def _latencies(kind, rounds):
    """Of the rounds in which both sides heard the events as fast as they were to come."""
    heard = [(mine.p99_ms, theirs.p99_ms) for mine, theirs in rounds if mine.full_rate and theirs.full_rate]
    if not heard:
        return {}
    return {
        f"operator.event_latency.{kind}p99_ms": figures.median(mine for mine, _ in heard),
        f"operator.event_latency.{kind}ratio_vs_controller_runtime": figures.median_ratio(heard),
    }


def _tell(world, number, side, looked):
    world.say(
        f"fleet, round {number}, {side}: {looked.rss_mb:.1f} MB at rest (peak {looked.peak_mb:.1f}, after the events {looked.rss_after_mb:.1f}), "
        f"CPU at rest {looked.cpu_percent:.2f} %, {looked.writes} writes; events: {looked.heard}"
    )
    world.say(f"    events that the operator has to look at: {looked.had_to_look}")


def _grow(world, options, namespaces):
    each = options.fleet_pods // options.gateways
    total = each * options.gateways
    with world.operator() as operator:
        began = time.monotonic()
        for number in range(options.gateways):
            world.make_gateway(namespaces[number % len(namespaces)], f"edge-{number}", replicas=each)
        wait_until(lambda: _ready(world, namespaces) == total, f"{total} pods that are ready", PATIENCE_S, [operator])
        world.say(f"fleet: {total} pods of {options.gateways} gateways are ready after {time.monotonic() - began:.0f} s, {operator.rss_mb():.1f} MB")
        _wait_rest(operator)


def _ready(world, namespaces):
    gateways = [gateway for namespace in namespaces for gateway in world.kube.items(gateways_path(namespace))]
    return sum(gateway.get("status", {}).get("readyReplicas", 0) for gateway in gateways)


def _wait_rest(process):
    """Until no event has come, and so no reconcile that answers one, for a while."""
    seen = [None, 0.0]

    def rests():
        events = exposition.buckets(process.get(), process.histogram).get(float("inf"), 0)
        if events != seen[0]:
            seen[:] = events, time.monotonic()
        return time.monotonic() - seen[1] > QUIET_S

    wait_until(rests, f"{process.name} to rest", PATIENCE_S, [process])


def _ours(world, options):
    with world.operator() as operator:
        # At rest means that every gateway has been asked for its state, too: at 50 a second that takes its time.
        wait_until(lambda: operator.states_heard() >= options.fleet_pods, "a state of every gateway", PATIENCE_S, [operator])
        return _look(world, options, operator)


def _theirs(world, options):
    with world.peer() as peer:
        return _look(world, options, peer)


def _look(world, options, process):
    looked = Looked()
    _wait_rest(process)
    time.sleep(options.settle_seconds)  # Go gives memory back in the background.
    log = world.audit()
    looked.cpu_percent = cpu_percent(process, options.idle_seconds)
    looked.writes = len([call for call in log.read() if audit.by_operator(call) and call.writes and call.resource != "leases"]) if process.name == OURS else 0
    looked.rss_mb, looked.peak_mb = process.rss_mb(), process.rss_mb("VmHWM")
    looked.heard = _hear(world, options, process, UNREAD)
    _wait_rest(process)
    looked.had_to_look = _hear(world, options, process, READ)
    looked.rss_after_mb = process.rss_mb()
    return looked


def _hear(world, options, process, annotation):
    before, reconciles, cpu, began = process.latencies(), process.reconciles(), process.cpu_seconds(), time.monotonic()
    with world.neighbours_still():
        full_rate = _send_events(world, options, annotation)
    busy_percent = 100 * (process.cpu_seconds() - cpu) / (time.monotonic() - began)
    return Heard(exposition.between(before, process.latencies()), int(process.reconciles() - reconciles), busy_percent, full_rate)


def _need(value):
    if value is None:
        raise BenchError("no event was heard")
    return value


def _send_events(world, options, annotation):
    """Whether they went at the rate that was asked for."""
    words = [world.tools / "peer", "events", "--kubeconfig", world.kubeconfig]
    words += [f"--rate={options.event_rate}", f"--for={options.event_seconds}s", f"--annotation={annotation}"]
    sender = Process(words, world.logs / "events.log", stdout=subprocess.PIPE)
    try:
        text = sender.pipe.read()
        if sender.wait() != 0:
            raise BenchError(f"the events could not be sent: {sender.tail()}")
    finally:
        sender.stop()
    report = json.loads(text)
    world.say(f"    {report['sent']} events, {report['perSecond']:.0f} a second, {report['failed']} failed")
    full_rate = report["perSecond"] >= DRIFT * options.event_rate
    if not full_rate:
        world.say(f"    this machine was too busy for {options.event_rate:.0f} events a second: the round does not count for their latency")
    return full_rate


def _remove(world, namespaces):
    with world.operator():
        for namespace in namespaces:
            world.kube.delete(f"/api/v1/namespaces/{namespace}")
        for namespace in namespaces:
            world.wait_gone(namespace, PATIENCE_S)
