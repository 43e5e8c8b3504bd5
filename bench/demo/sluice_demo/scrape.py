"""Asking the gateway pods themselves: their /metrics, straight from the pod's address. What a pod held when it was deleted must not be
taken from the operator's word, nor from a Prometheus that looks every few seconds."""

import http.client
import threading
import time

from . import parse
from .observations import Scraped

METRICS_PORT = 9902
NAMES = frozenset({"rtgw_connections", "rtgw_task_queue_length", "rtgw_messages_received_total"})
TIMEOUT_S = 1.0
CALM_S = 1.0
DRAINING_S = 0.2


class Scraper:
    """Asks each pod once a second, a draining or deleted one every 200 ms. One thread; targets may be set from any."""

    def __init__(self, report):
        self._report = report
        self._lock = threading.Lock()
        self._targets = {}  # Pod name -> (address, interval in seconds).
        self._next = {}
        self._wake = threading.Event()
        self._ended = False
        threading.Thread(target=self._run, daemon=True, name="scraper").start()

    def set(self, pod, address, draining):
        with self._lock:
            wanted = (address, DRAINING_S if draining else CALM_S)
            if self._targets.get(pod) == wanted:
                return
            self._targets[pod] = wanted
            self._next[pod] = time.monotonic()
        self._wake.set()

    def now(self, pod):
        """Asks this pod before all others."""
        with self._lock:
            if pod in self._targets:
                self._next[pod] = 0.0
        self._wake.set()

    def forget(self, pod):
        with self._lock:
            self._targets.pop(pod, None)
            self._next.pop(pod, None)

    def close(self):
        self._ended = True
        self._wake.set()

    def _run(self):
        while not self._ended:
            pod, address, wait_s = self._take()
            if pod is None:
                self._wake.wait(wait_s)
                self._wake.clear()
                continue
            asked_at = time.monotonic()
            values = fetch(address)
            self._report(Scraped(time.monotonic(), asked_at, pod, values))

    def _take(self):
        """The pod that is due, or how long to wait for one."""
        with self._lock:
            if not self._next:
                return None, None, CALM_S
            pod = min(self._next, key=self._next.get)
            now = time.monotonic()
            if self._next[pod] > now:
                return None, None, self._next[pod] - now
            address, interval_s = self._targets[pod]
            self._next[pod] = now + interval_s
            return pod, address, 0.0


def fetch(address):
    """The sums of NAMES, or None where nobody answers."""
    connection = http.client.HTTPConnection(address, METRICS_PORT, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return parse.metric_sums(body.decode(errors="replace"), NAMES) if answer.status == 200 else None
