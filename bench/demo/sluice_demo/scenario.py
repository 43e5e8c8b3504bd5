"""The story, step by step. Each step changes the load and then waits for what the cluster makes of it."""

import math
import time

from .errors import DemoError
from .observations import Broken
from .record import CONNECTIONS_METRIC, hpa_targets

# A little more than asked for, so that churn does not take it below, and so that ceil(clients / 1500) is 7.
CLIENTS = 10_400
STAYING = CLIENTS * 2 // 5
RAMP_S = 25
CHURN_MEAN_S = 30
BURST = {"clients": 28, "megabytes": 8, "per_client": 4, "for": "35s"}
LEAVE_S = 45
ECHOES_PER_SECOND = 0.2
# Two in a hundred understand no hints; they talk rarely, since what is on its way when their Close frame comes is lost by RFC 6455's own
# rules (bench/loadgen/README.md, "What a deaf client can lose").
LOADGEN_FLAGS = [
    "--rate", str(ECHOES_PER_SECOND), "--deaf-share", "0.02", "--deaf-rate", "0.02", "--query-share", "0.3", "--connect-rate", "800", "--ping-interval", "30s",
]


class Scenario:
    """`observer` is read until each step's condition holds; `view` is refreshed meanwhile."""

    def __init__(self, observer, view):
        self._observer = observer
        self._record = observer.record
        self._view = view
        self._load = None

    def enter(self, phase):
        self._record.enter(phase, time.monotonic())
        self._view.refresh(time.monotonic())

    def wait(self, what, condition, within_s):
        """Until condition() holds. DemoError names `what` where it does not in time."""
        deadline = time.monotonic() + within_s
        while not condition():
            now = time.monotonic()
            if now > deadline:
                raise DemoError(f"waited {within_s} s in vain for: {what}")
            seen = self._observer.take(min(0.2, deadline - now))
            if isinstance(seen, Broken):
                raise DemoError(seen.what)
            self._view.refresh(now)

    def pause(self, seconds):
        """Goes on observing for so long."""
        end = time.monotonic() + seconds
        self.wait("time to pass", lambda: time.monotonic() >= end, seconds + 1)

    def first_pods(self):
        self.enter("starting the first pods")
        self.wait("the HPA", lambda: self._record.hpa_object is not None, 30)
        least = self._record.hpa_object["spec"]["minReplicas"]
        self.wait(f"{least} pods to be ready", lambda: self._record.receivers >= least, 60)

    def play(self, load):
        """From the first client to the last drain."""
        self._load = load
        self._ramp()
        self._burst()
        self._leave()
        self._drain()

    def _needed(self, clients):
        return math.ceil(clients / hpa_targets(self._record.hpa_object)[CONNECTIONS_METRIC])

    def _desired(self):
        return self._record.hpa[-1].desired if self._record.hpa else 0

    def _ramp(self):
        self.enter(f"{CLIENTS:,} clients come; the HPA scales up by connections")
        self._load.command(clients=CLIENTS, over=f"{RAMP_S}s", churn_mean=f"{CHURN_MEAN_S}s")
        wanted = self._needed(CLIENTS)
        self.wait("all clients", lambda: self._record.load and self._record.load["connected"] >= 10_000, 120)
        self.wait(f"the HPA to want {wanted} pods", lambda: self._desired() >= wanted, 60)
        self.wait(f"{wanted} pods to be ready", lambda: self._record.receivers >= wanted, 60)

    def _burst(self):
        before = self._needed(CLIENTS)
        self.enter("a burst of work fills the queues; the HPA scales up by queue length")
        self._load.command(tasks=BURST)
        self.wait("the HPA to want more pods because of the queues", lambda: self._desired() > before, 60)
        self.wait("the tasks to begin and to end", self._burst_is_over, 90)

    def _burst_is_over(self):
        tasks = self._record.load["tasks"]
        return tasks["sent"] > 0 and tasks["outstanding"] == 0 and tasks["clients"] == 0

    def _leave(self):
        # Until then the churn goes on: the newest pods get their share of the clients.
        self.wait("the HPA to want fewer pods again, now that the queues are empty", lambda: self._record.drains, 90)
        self.enter(f"{CLIENTS - STAYING:,} clients leave, {STAYING:,} go on talking; the HPA scales down")
        self._load.command(churn_mean="0", clients=STAYING, over=f"{LEAVE_S}s")
        self.wait("the clients to be gone", lambda: self._record.load["clients"] <= STAYING, LEAVE_S + 30)

    def _drain(self):
        self.enter("the last drains")
        wanted = max(self._needed(STAYING), self._record.hpa_object["spec"]["minReplicas"])
        self.wait(f"the HPA to want {wanted} pods", lambda: self._desired() == wanted, 120)
        self.wait(f"{wanted} pods to be left", lambda: len(self._record.living) == wanted and not self._record.open_drains, 180)
        # The clients of the last victim have moved; what they say now must still be answered.
        self.enter("done")
        self.pause(2)
        self.wait("the HPA's word on it", lambda: self._record.hpa[-1].phase == "done", 30)
