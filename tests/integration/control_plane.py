"""A real control plane (tests/cluster) in the hands of a test: its kubeconfig, and its parts to be killed and started again."""

import contextlib
import json
import os
import ssl
import sys
from pathlib import Path
from urllib import request

import kubernetes

CHECKOUT = Path(__file__).resolve().parents[2]
CLUSTER_TOOL = CHECKOUT / "tests" / "cluster"
sys.path.insert(0, str(CLUSTER_TOOL))

from clusters import cluster  # noqa: E402  (the path comes first)
from sluice_cluster import processes, record, settings, waiting  # noqa: E402  (the path comes first)

# Reached only by a fault; a machine that compiles at the same time is slow.
PATIENCE_S = 90


def eventually(check, what):
    """The first true answer of `check()`, asked again and again."""
    return waiting.wait_until(check, what, PATIENCE_S)


class ControlPlane(os.PathLike):
    """As a path, and as a text, it is its kubeconfig. `state` is None where it is somebody else's (SLUICE_KUBECONFIG)."""

    def __init__(self, kubeconfig, state=None):
        self.kubeconfig = Path(kubeconfig)
        self._state = state
        configuration = kubernetes.client.Configuration()
        configuration.retries = False  # eventually() asks again, and says for what
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        self.api = kubernetes.client.ApiClient(configuration)
        self.core = kubernetes.client.CoreV1Api(self.api)

    def __fspath__(self):
        return str(self.kubeconfig)

    def __str__(self):
        return str(self.kubeconfig)

    @property
    def environment(self):
        """For a program that reads KUBECONFIG."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    @property
    def _record(self):
        assert self._state is not None, "only a control plane of the tests' own can be broken"
        return record.load(settings.Settings(state=self._state))

    @contextlib.contextmanager
    def without(self, name, more_words=()):
        """Kills a part, as a crash would, for as long as the block lasts; when it is left the API server answers again. It is started
        again as it was, with `more_words` at the end."""
        part = self._record.processes()[name]
        words = Path(f"/proc/{part.pid}/cmdline").read_bytes().split(b"\0")[:-1]
        folder = os.readlink(f"/proc/{part.pid}/cwd")
        processes.kill_all([part])
        try:
            yield
        finally:
            again = processes.spawn(name, [*map(os.fsdecode, words), *more_words], self._record.settings.logs / f"{name}.log", folder)
            processes.save(again, self._record.process_folder)
            eventually(self._answers, "an API server that answers")

    def running_parts(self):
        """Names of the processes that run."""
        return self._record.alive()

    def restart_api_server(self, *more_words):
        with self.without("kube-apiserver", more_words):
            pass

    def _answers(self):
        try:
            return self.core.list_namespace(limit=1, _request_timeout=5)
        except (kubernetes.client.ApiException, kubernetes.client.rest.urllib3.exceptions.HTTPError):
            return None

    def compact_etcd(self):
        """Makes etcd forget every version before its newest, as the API server asks it to every five minutes."""
        pki = self._record.settings.pki
        trust = ssl.create_default_context(cafile=pki / "etcd-ca.crt")
        trust.load_cert_chain(pki / "apiserver-etcd-client.crt", pki / "apiserver-etcd-client.key")

        def post(call, body):
            url = f"https://127.0.0.1:{self._record.settings.port('etcd')}/v3/kv/{call}"
            asked = request.Request(url, data=json.dumps(body).encode(), method="POST")
            with request.urlopen(asked, context=trust, timeout=PATIENCE_S) as answer:
                return json.load(answer)

        newest = post("range", {"key": "AA=="})["header"]["revision"]
        post("compaction", {"revision": newest, "physical": True})


@contextlib.contextmanager
def running(state, port_base):
    """A control plane for as long as the block lasts."""
    state = Path(state).resolve()
    cluster("up", "--control-plane-only", "--state", state, "--port-base", port_base)
    try:
        yield ControlPlane(state / "kubeconfig", state)
    finally:
        cluster("down", "--state", state)
