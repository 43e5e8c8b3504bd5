"""A gateway's admin API, asked as the operator asks it: with a token that its key has signed."""

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from operators import SYSTEM

SECRET = "sluice-admin-signing-key"


class Admin:
    """Needs an operator that has made its key."""

    def __init__(self, api, folder):
        self._api, self._folder = api, Path(folder)

    def state(self, pod):
        """What the gateway says of itself; None where it does not answer."""
        headers = {"Authorization": f"Bearer {self._token(pod.metadata.uid)}"}
        request = urllib.request.Request(f"http://{pod.status.pod_ip}:9901/admin/v1/state", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except (OSError, urllib.error.URLError):
            return None

    def rate(self, pod):
        """Connections a second that it releases now; 0 where it does not drain or is gone."""
        state = self.state(pod)
        return state["drain"]["rate"] if state and state["drain"] else 0

    def rates(self, pods):
        """The rates of all pods at one moment, by name; None where one of them changed while they were read."""
        first = {pod.metadata.name: self.rate(pod) for pod in pods}
        second = {pod.metadata.name: self.rate(pod) for pod in pods}
        return first if first == second else None

    def _token(self, uid):
        secret = self._api.core.read_namespaced_secret(SECRET, SYSTEM)
        key = self._folder / "private.pem"
        key.write_bytes(base64.b64decode(secret.data["private.pem"]))
        now = int(time.time())
        claims = {"iss": "sluice-operator", "aud": uid, "iat": now, "exp": now + 60}
        signed = f"{_base64url(json.dumps({'alg': 'EdDSA', 'typ': 'JWT'}))}.{_base64url(json.dumps(claims))}"
        message = self._folder / "token"  # Not from a pipe: openssl wants to know its length.
        message.write_text(signed, encoding="ascii")
        words = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message]
        signature = subprocess.run(words, capture_output=True, check=True).stdout
        return f"{signed}.{_base64url(signature)}"


def _base64url(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
