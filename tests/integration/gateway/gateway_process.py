"""sluice-gateway as a process on free ports of 127.0.0.1, and what its clients wait for."""

import asyncio
import base64
import contextlib
import http.client
import json
import re
import subprocess
import time
from datetime import datetime, timedelta, timezone

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 60
POD_UID = "pod-uid-1"


class Gateway:
    """A running gateway on free ports of 127.0.0.1."""

    def __init__(self, program, folder, **sections):
        config = {
            "listen": {"address": "127.0.0.1", "port": 0},
            "admin": {"address": "127.0.0.1", "port": 0, "publicKeysDir": str(folder / "keys"), "podUid": POD_UID},
            "metrics": {"address": "127.0.0.1", "port": 0},
            "shards": 2,
            **sections,
        }
        self.folder = folder
        path = folder / "gateway.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML.
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen([program, "--config", path], stderr=self._log)
        try:
            line = self.wait_for_log("gateway started")
        except BaseException:
            self.stop()
            raise
        self.ports = {name: int(port) for name, port in re.findall(r"\b(listen|tls|admin|metrics)=(\d+)", line)}

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def wait_for_log(self, message):
        """The first log line with `message`."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.log().splitlines():
                if f'msg="{message}"' in line:
                    return line
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError(f"no {message!r} in the log:\n{self.log()}")

    def url(self, path, scheme="ws"):
        return f"{scheme}://127.0.0.1:{self.ports['listen' if scheme == 'ws' else 'tls']}{path}"

    def open(self, path, **options):
        return connect(self.url(path), proxy=None, **options)

    def metrics(self):
        """Every series of /metrics by its name with labels."""
        status, text = self._call("metrics", "GET", "/metrics")
        assert status == 200
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def admin(self, method, path, body=None):
        status, text = self._call("admin", method, path, body, {"Authorization": f"Bearer {self._token()}"})
        assert status == 200, text
        return json.loads(text)

    def drain(self, rate, jitter_ms=0, deadline_s=600):
        deadline = datetime.now(timezone.utc) + timedelta(seconds=deadline_s)
        request = {"reason": "ScaleDown", "deadline": deadline.isoformat(), "ratePerSecond": rate, "hintJitterMs": jitter_ms}
        return self.admin("PUT", "/admin/v1/drain", json.dumps(request))

    def _call(self, port, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def _token(self):
        now = int(time.time())
        claims = {"iss": "sluice-operator", "aud": POD_UID, "iat": now, "exp": now + 60}
        signed = f"{_base64url(json.dumps({'alg': 'EdDSA', 'typ': 'JWT'}))}.{_base64url(json.dumps(claims))}"
        message = self.folder / "token"  # Not from a pipe: openssl wants to know its length.
        message.write_text(signed, encoding="ascii")
        words = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.folder / "private.pem", "-in", message]
        signature = subprocess.run(words, capture_output=True, check=True).stdout
        return f"{signed}.{_base64url(signature)}"

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()


def _base64url(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def make_certificate(folder, name):
    """A self-signed certificate for 127.0.0.1 in server.crt and server.key."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "new.key", "-out", folder / "new.crt")  # fmt: skip
    (folder / "new.key").rename(folder / "server.key")
    (folder / "new.crt").rename(folder / "server.crt")


async def close_of(websocket):
    """Waits for the end; the close code and reason that the gateway sent (1006 where it sent none)."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(websocket.recv(), PATIENCE_S)
    frame = websocket.protocol.close_rcvd
    return (frame.code, frame.reason) if frame else (1006, "")


async def until(condition):
    """Asks `condition`, a call that blocks, until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):
            pass
