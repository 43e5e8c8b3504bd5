"""Who takes new connections: what a Service's proxies do, without a node's proxies."""

import random
import threading

from clients import Fleet
from rtgw import is_ready, url_of

FOLLOW_S = 0.1
NOBODY = "ws://127.0.0.1:9/"  # The discard port: refused.


class Endpoints:
    """Follows the ready pods of a RealtimeGateway with traffic=on in a thread of its own."""

    def __init__(self, gateway):
        self._gateway = gateway
        self._urls = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()

    def url(self):
        """One of them by chance."""
        return random.choice(self._urls or [NOBODY])

    def _run(self):
        while not self._stopping.wait(FOLLOW_S):
            self._look()

    def _look(self):
        pods = [pod for pod in self._gateway.pods() if pod.metadata.deletion_timestamp is None]
        self._urls = [url_of(pod) for pod in pods if pod.metadata.labels["sluice.dev/traffic"] == "on" and is_ready(pod)]


class Roaming(Fleet):
    """Clients that connect to whatever pod takes new connections at the time."""

    def __init__(self, endpoints, count):
        self._endpoints = endpoints
        super().__init__(NOBODY, count)

    @property
    def _url(self):
        return self._endpoints.url()

    @_url.setter
    def _url(self, _):
        """Where to connect is found anew each time."""
