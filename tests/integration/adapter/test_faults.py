"""Adapters of their own, not registered with the aggregator: how they start, age, and bear bad company."""

import contextlib
import http.client
import http.server
import json
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
import warnings
from pathlib import Path

import pytest
import yaml
from adapter_process import Adapter
from conftest import RULES
from control_plane import eventually
from prometheus_process import Prometheus, free_port
from test_adapter import API, connections

MASTER = {"X-Remote-User": "root", "X-Remote-Group": "system:masters"}


@pytest.fixture
def start(program, tmp_path, pki, adapter, folder):
    """Starts adapters: start(prometheus_url, "--metrics-max-age=2s")."""
    made = []

    def starter(prometheus_url, *flags, kubeconfig=folder / "adapter.kubeconfig"):
        own = tmp_path / f"adapter-{len(made)}"
        own.mkdir()
        made.append(Adapter(program, own, pki, kubeconfig, prometheus_url, RULES))
        made[-1].start(*flags)
        return made[-1]

    yield starter
    for one in made:
        assert one.stop() == 0, one.log


@pytest.fixture
def ask(front_proxy):
    """ask(adapter, path) as the front proxy would for an administrator: (status, answer)."""

    def asker(adapter, where):
        status, body = adapter.ask(where, MASTER, front_proxy)
        return status, json.loads(body)

    return asker


def test_it_starts_without_prometheus_and_finds_it_later(start, ask, exporter, namespace, tmp_path):
    exporter.set("rtgw_connections", 7, namespace=namespace, realtimegateway="edge", pod="a")
    (tmp_path / "prometheus").mkdir()
    late = Prometheus(tmp_path / "prometheus", exporter)
    adapter = start(late.url)
    status, listed = ask(adapter, f"{API}/v1beta2")
    assert status == 200 and [entry["name"] for entry in listed["resources"]] == ["namespaces/no_series_found_in_prometheus"]
    status, failure = ask(adapter, connections(namespace))
    assert (status, failure["reason"]) == (503, "ServiceUnavailable")
    assert "rule 1: Prometheus does not answer" in failure["message"]
    late.start()
    try:
        eventually(lambda: ask(adapter, connections(namespace))[0] == 200, "the metric")
    finally:
        late.stop()


def test_a_prometheus_whose_start_is_interrupted_does_not_stay(exporter, tmp_path):
    made = Prometheus(tmp_path, exporter)
    seen = []

    def interrupted():
        seen.append(made.pid)
        raise KeyboardInterrupt

    made.ready = interrupted
    with pytest.raises(KeyboardInterrupt):
        made.start()
    assert seen and not Path(f"/proc/{seen[0]}").exists()


def test_a_sample_that_is_too_old_is_not_served(start, ask, exporter, namespace, tmp_path):
    exporter.set("rtgw_connections", 7, namespace=namespace, realtimegateway="edge", pod="a")
    (tmp_path / "prometheus").mkdir()
    frozen = Prometheus(tmp_path / "prometheus", exporter)
    frozen.start()
    try:
        eventually(lambda: frozen.query(f'rtgw_connections{{namespace="{namespace}"}}'), "a sample")
        adapter = start(frozen.url, "--metrics-max-age=10s")
        eventually(lambda: ask(adapter, connections(namespace))[0] == 200, "the metric")
        # From now on it scrapes nothing, and looks back five minutes as it always does.
        frozen.stop()
        (tmp_path / "prometheus" / "prometheus.yml").write_text("{}")
        frozen.start()
        status, failure = eventually(lambda: (said := ask(adapter, connections(namespace)))[0] == 503 and said, "the refusal")
        assert frozen.query(f'rtgw_connections{{namespace="{namespace}"}}'), "Prometheus itself still answers"
        assert "is too old: its newest sample is" in failure["message"] and "--metrics-max-age is 10s" in failure["message"]
        assert status == 503
    finally:
        frozen.stop()


def test_a_prometheus_that_hangs_holds_up_nothing_else(start, ask, prometheus, exporter, namespace):
    exporter.set("rtgw_connections", 7, namespace=namespace, realtimegateway="edge", pod="a")
    with Hanging(prometheus.url) as slow:
        adapter = start(slow.url)
        eventually(lambda: ask(adapter, connections(namespace))[0] == 200, "the metric")
        slow.hangs.set()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(adapter, connections(namespace)))) for _ in range(40)]
        for thread in threads:
            thread.start()
        # While they wait: the aggregator's probes, and the kubelet's.
        for _ in range(20):
            assert ask(adapter, f"{API}/v1beta2")[0] == 200
            assert adapter.ask("/readyz")[0] == 200
        for thread in threads:
            thread.join()
        refused = {(status, answer["reason"]) for status, answer in answers}
        assert refused == {(429, "TooManyRequests"), (503, "ServiceUnavailable")}
        assert any("no answer within" in answer["message"] for _, answer in answers)


def test_a_prometheus_that_hangs_from_the_start_does_not_keep_it_from_being_ready(start, ask, prometheus, namespace):
    with Hanging(prometheus.url) as silent:
        silent.hangs.set()
        began = time.monotonic()
        adapter = start(silent.url)
        assert time.monotonic() - began < 20  # a list of series alone may take 30 s
        status, listed = ask(adapter, f"{API}/v1beta2")
        assert status == 200 and listed["resources"]
        status, failure = ask(adapter, connections(namespace))
        assert (status, failure["reason"]) == (503, "ServiceUnavailable")
        assert "rule 1: its series are being listed" in failure["message"]


class Hanging:
    """A proxy of Prometheus that takes queries and does not answer them, once `hangs` is set."""

    def __init__(self, url):
        self._target, self._port = url, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.hangs = threading.Event()
        self._release = threading.Event()

    def __enter__(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if proxy.hangs.is_set():
                    proxy._release.wait()
                    return
                with urllib.request.urlopen(proxy._target + self.path, timeout=10) as answer:
                    body = answer.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Nobody reads it."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._release.set()
        self._server.shutdown()
        self._server.server_close()


def test_it_stops_in_time_although_the_api_server_does_not_answer(start, ask, prometheus, exporter, folder, tmp_path):
    exporter.set("node_load", 1, node="frozen")
    with Freezing(folder / "adapter.kubeconfig", tmp_path / "frozen.kubeconfig") as between:
        adapter = start(prometheus.url, kubeconfig=between.kubeconfig)
        eventually(lambda: ask(adapter, f"{API}/v1beta2/nodes/frozen/node_load")[0] == 200, "the metric")
        between.freeze()

        def list_nodes():
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(adapter, f"{API}/v1beta2/nodes/*/node_load")

        waits = threading.Thread(target=list_nodes)
        waits.start()
        began = time.monotonic()
        assert adapter.stop() == 0, adapter.log  # it goes on to serve for 2 s, so that request is under way
        assert time.monotonic() - began < 20
        waits.join()
        assert "requests are still under way" in adapter.log


class Freezing:
    """A door to the API server, by a kubeconfig of its own, that stops to pass anything on once it is told to freeze."""

    def __init__(self, kubeconfig, own):
        config = yaml.safe_load(Path(kubeconfig).read_text())
        server = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
        self._target = server.hostname, server.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        own.write_text(yaml.safe_dump(config))
        own.chmod(0o600)
        self.kubeconfig = own
        self._frozen = threading.Event()
        self._sockets = [self._listener]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def freeze(self):
        self._frozen.set()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(self._target)
                self._sockets += [inner, outer]
                for source, sink in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if not self._frozen.is_set():
                    sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)


def test_silent_and_rude_clients_cost_it_nothing(start, ask, prometheus, exporter, namespace):
    exporter.set("rtgw_connections", 7, namespace=namespace, realtimegateway="edge", pod="a")
    adapter = start(prometheus.url)
    eventually(lambda: ask(adapter, connections(namespace))[0] == 200, "the metric")
    descriptors = open_descriptors(adapter)
    silent = [socket.create_connection(("127.0.0.1", adapter.port)) for _ in range(300)]
    for number, one in enumerate(silent):
        if number % 3 == 1:
            one.sendall(b"\x16\x03\x01")
        if number % 3 == 2:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert ask(adapter, connections(namespace))[0] == 200
    for one in silent:
        one.close()
    # Those of 300 connections; what it opens meanwhile for itself, to Prometheus and to the API server, is a few.
    eventually(lambda: open_descriptors(adapter) <= descriptors + 20, "the descriptors to be given back")
    assert "level=error" not in adapter.log


def open_descriptors(adapter):
    return len(list(Path(f"/proc/{adapter.pid}/fd").iterdir()))


def test_old_tls_is_refused(adapter):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection(("127.0.0.1", adapter.port)) as plain:
        old.wrap_socket(plain)
