"""A real Prometheus as a process of this machine, and the exporter that it scrapes."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from control_plane import CHECKOUT, eventually


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Exporter:
    """Serves /metrics with the series that a test sets: exporter.set("up_to_you", 3, pod="a")."""

    def __init__(self):
        self._series = {}
        self._lock = threading.Lock()
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = exporter.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """A request a second is no news."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def set(self, name, value, **labels):
        with self._lock:
            self._series[(name, tuple(sorted(labels.items())))] = value

    def set_at(self, unix_seconds, name, value, **labels):
        """As a sample that was taken then, however often it is scraped."""
        self.set(name, f"{value} {unix_seconds * 1000}", **labels)

    def remove(self, name, **labels):
        with self._lock:
            del self._series[(name, tuple(sorted(labels.items())))]

    def text(self):
        with self._lock:
            lines = [f"{name}{{{','.join(f'{k}={json.dumps(v)}' for k, v in labels)}}} {value}" for (name, labels), value in self._series.items()]
        return "\n".join(lines) + "\n"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Prometheus:
    """Scrapes the exporter every second. Its data survive stop() and start()."""

    def __init__(self, folder, exporter):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = None
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "test", "honor_labels": True, "static_configs": [{"targets": [exporter.address]}]}],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        """Answers when it is ready; an interrupt or a failure before that leaves no process."""
        words = [program(), f"--config.file={self.folder / 'prometheus.yml'}", f"--storage.tsdb.path={self.folder / 'data'}"]
        words.append(f"--web.listen-address=127.0.0.1:{self.port}")
        with (self.folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        try:
            eventually(self.ready, "Prometheus to be ready")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    @contextlib.contextmanager
    def stopped(self):
        self.stop()
        try:
            yield
        finally:
            self.start()

    def query(self, promql):
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def ready(self):
        assert self._process.poll() is None, (self.folder / "prometheus.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False


def program():
    """SLUICE_PROMETHEUS names one; else it is the one that tests and demo build."""
    if given := os.environ.get("SLUICE_PROMETHEUS"):
        return given
    done = subprocess.run([CHECKOUT / "tests" / "prometheus" / "build"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]
