"""The API server over kept connections: JSON in, JSON out. A connection for each thread."""

import base64
import http.client
import json
import ssl
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import yaml

from .errors import BenchError

TIMEOUT_S = 60.0
GATEWAYS = "/apis/sluice.dev/v1alpha1"
POLL_S = 0.2
# The API server ends connections that are quiet for long, and a write on such a one could not be told from a write that was lost.
KEPT_S = 30.0


class Kube:
    """The administrator. Threads: any."""

    def __init__(self, kubeconfig):
        config = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urllib.parse.urlsplit(cluster["server"])
        self._address = (server.hostname, server.port)
        self._context = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority").decode())
        with tempfile.NamedTemporaryFile() as both:  # ssl reads them from a file only.
            both.write(_pem(user, "client-certificate") + b"\n" + _pem(user, "client-key"))
            both.flush()
            self._context.load_cert_chain(both.name)
        self._local = threading.local()

    def get(self, path):
        """None where there is nothing."""
        status, answer = self._send("GET", path)
        if status == 404:
            return None
        return _good("GET", path, status, answer)

    def items(self, path, selector=""):
        query = f"?labelSelector={urllib.parse.quote(selector)}" if selector else ""
        return self.get(path + query)["items"]

    def create(self, path, value):
        status, answer = self._send("POST", path, value)
        return _good("POST", path, status, answer)

    def patch(self, path, value):
        status, answer = self._send("PATCH", path, value, "application/merge-patch+json")
        return _good("PATCH", path, status, answer)

    def delete(self, path, policy="Background"):
        status, answer = self._send("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy})
        if status != 404:
            _good("DELETE", path, status, answer)

    def scale(self, path, replicas):
        self.patch(f"{path}/scale", {"spec": {"replicas": replicas}})

    def _send(self, method, path, value=None, content_type="application/json"):
        body = None if value is None else json.dumps(value)
        headers = {"Accept": "application/json", **({"Content-Type": content_type} if body else {})}
        for again in (True, False):
            connection = self._connection()
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._local.connection = None
                # A write may have happened and is not repeated.
                if not again or method != "GET":
                    raise BenchError(f"{method} {path}: {type(error).__name__} {error}") from error
        raise AssertionError("unreachable")

    def _connection(self):
        now = time.monotonic()
        if getattr(self._local, "connection", None) is None or now - self._local.used_at > KEPT_S:
            self._local.connection = http.client.HTTPSConnection(*self._address, timeout=TIMEOUT_S, context=self._context)
        self._local.used_at = now
        return self._local.connection


def _pem(entry, name):
    if f"{name}-data" in entry:
        return base64.b64decode(entry[f"{name}-data"])
    return Path(entry[name]).read_bytes()


def _good(method, path, status, answer):
    value = json.loads(answer) if answer else {}
    if status >= 300:
        raise BenchError(f"{method} {path}: {status} {value.get('message', '')}")
    return value


def pods_path(namespace):
    return f"/api/v1/namespaces/{namespace}/pods"


def gateways_path(namespace):
    return f"{GATEWAYS}/namespaces/{namespace}/realtimegateways"


def wait_until(check, what, at_most_s, alive=()):
    """The first true answer of `check()`. BenchError after `at_most_s`, or where one of the processes `alive` ends."""
    end = time.monotonic() + at_most_s
    while True:
        answer = check()
        if answer:
            return answer
        for process in alive:
            process.check()
        if time.monotonic() > end:
            raise BenchError(f"waited {at_most_s:.0f} s in vain for {what}")
        time.sleep(POLL_S)
