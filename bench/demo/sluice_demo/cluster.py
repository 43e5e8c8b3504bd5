"""The cluster and what is installed in it, by the project's own commands. Their output goes to a log; a failure shows its end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from sluice_cluster import record, settings

from .errors import DemoError

ROOT = Path(__file__).resolve().parents[3]
CLUSTER = ROOT / "tests" / "cluster" / "cluster"
EXAMPLE = ROOT / "examples" / "autoscaled.yaml"
LOADGEN = ROOT / "build" / "release" / "bench" / "sluice-loadgen"
IMAGES = ROOT / "build" / "images"
SYSTEM_NAMESPACE = "sluice-system"
NAMESPACE = "demo"
GATEWAY = "edge"
TAIL_LINES = 15


class Cluster:
    """`log` is a binary file that takes the commands' output."""

    def __init__(self, log):
        self._log = log
        self._kubectl = None
        self._kubeconfig = None

    @staticmethod
    def check_built():
        """Raises DemoError where something is missing that `make demo` builds before it calls us."""
        images = [IMAGES / f"sluice-{name}.tar" for name in ("operator", "adapter", "gateway")]
        for path in [LOADGEN, *images]:
            if not path.exists():
                raise DemoError(f"{path.relative_to(ROOT)} is missing; `make demo` builds it")
        if os.geteuid() != 0:
            raise DemoError("a real node and a network namespace need root; `make demo` asks for it")

    @staticmethod
    def runs():
        return subprocess.run([CLUSTER, "status"], capture_output=True, check=False).returncode == 0

    def up(self, keep):
        """Unless it is to be kept, the cluster is ours: should we be killed, the next `cluster up` tidies it up."""
        owner = {} if keep else {record.OWNER_VARIABLE: str(os.getpid())}
        self._run(CLUSTER, "up", environment=owner)

    def down(self):
        self._run(CLUSTER, "down")

    def deploy(self):
        """Images, Prometheus and the chart; answers when all of it is ready."""
        self._run(ROOT / "scripts" / "deploy-local")

    def find_tools(self):
        self._kubectl = Path(self._output(CLUSTER, "bin").strip()) / "kubectl"
        self._kubeconfig = self._output(CLUSTER, "kubeconfig").strip()

    @property
    def kubectl_path(self):
        return self._kubectl

    @property
    def kubeconfig(self):
        return self._kubeconfig

    @property
    def settings(self):
        """The cluster's, as it was started: its networks are in there."""
        return record.load(settings.Settings(settings.default_state())).settings

    def kubectl(self, *words):
        self._run(self._kubectl, "--kubeconfig", self._kubeconfig, *words)

    def ask(self, *words):
        """kubectl's output, whatever its exit code."""
        done = subprocess.run(
            [self._kubectl, "--kubeconfig", self._kubeconfig, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.stdout

    def service_url(self):
        """ws://<ClusterIP>:<port> of the gateway; None while there is no Service."""
        service = self.ask("-n", NAMESPACE, "get", "service", GATEWAY, "-o", "json", "--ignore-not-found")
        if not service.strip():
            return None
        spec = json.loads(service)["spec"]
        port = next(port["port"] for port in spec["ports"] if port["name"] == "ws")
        return f"ws://{spec['clusterIP']}:{port}"

    def _output(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoError(f"{_name(words)} failed: {done.stderr.strip()}")
        return done.stdout

    def _run(self, *words, environment=None):
        self._log.write(f"\n$ {_name(words)}\n".encode())
        self._log.flush()
        start = self._log.tell()
        done = subprocess.run(
            words, cwd=ROOT, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode == 0:
            return
        with open(self._log.name, "rb") as written:
            written.seek(start)
            lines = written.read().decode(errors="replace").splitlines()
        for line in lines[-TAIL_LINES:]:
            print(f"  | {line}", file=sys.stderr)
        raise DemoError(f"{_name(words)} failed, see above and {self._log.name}")


def _name(words):
    return re.sub(re.escape(str(ROOT)) + "/", "", " ".join(str(word) for word in words))
