"""The operator's fixtures, with pods and an operator that the API server's proxy reaches, and kubectl with the plugin in its $PATH."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clusters import cluster

HERE = Path(__file__).resolve().parent
OPERATOR_TESTS = HERE.parent / "operator"


def _operator_fixtures():
    specification = importlib.util.spec_from_file_location("operator_fixtures", OPERATOR_TESTS / "conftest.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


theirs = _operator_fixtures()
# A control plane of our own: that of the operator's tests may run in the same session.
theirs.PORT_BASE += 20
sys.path.insert(0, str(HERE))

from fleets import OperatorPods, ProxiedKubelet, local_network  # noqa: E402  (the path comes first)

folder, control_plane, api, namespace, gateways, operator, edge, clients = (
    theirs.folder,
    theirs.control_plane,
    theirs.api,
    theirs.namespace,
    theirs.gateways,
    theirs.operator,
    theirs.edge,
    theirs.clients,
)


@pytest.fixture(scope="session")
def network():
    with local_network() as made:
        yield made


@pytest.fixture(scope="session")
def kubelet(control_plane, folder, network):
    with ProxiedKubelet(control_plane, theirs.BUILD / "gateway" / "sluice-gateway", folder / "pods", network) as running:
        yield running


@pytest.fixture
def operators(control_plane, tmp_path, api, network):
    made = OperatorPods(theirs.BUILD / "operator" / "sluice-operator", control_plane, tmp_path, api, f"{network}.1")
    yield made
    made.end()


class Kubectl:
    """`kubectl rtgw ...` as a person calls it, in a namespace."""

    def __init__(self, kubeconfig, namespace, folder):
        tools = cluster("bin").stdout.splitlines()[-1]
        self.namespace = namespace
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "KUBECONFIG")},
            "PATH": f"{theirs.BUILD / 'cli'}:{tools}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        self.environment.pop("LC_ALL", None)

    def words(self, *words):
        return ["kubectl", "rtgw", *words, *(["-n", self.namespace] if "-A" not in words and "-n" not in words else [])]

    def run(self, *words, environment=None):
        """Whatever becomes of it: `returncode`, `stdout`, `stderr`."""
        environment = {**self.environment, **(environment or {})}
        return subprocess.run(self.words(*words), env=environment, capture_output=True, text=True, timeout=60)

    def __call__(self, *words, **more):
        """What it prints."""
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, *words, **more):
        """The line that says why not."""
        done = self.run(*words, **more)
        assert done.returncode == 1, done
        assert done.stdout == ""
        return done.stderr

    def json(self, *words):
        return json.loads(self(*words, "-o", "json"))

    def yaml(self, *words):
        return yaml.safe_load(self(*words, "-o", "yaml"))

    def start(self, *words, **options):
        return subprocess.Popen(self.words(*words), env=self.environment, **options)


@pytest.fixture
def rtgw(control_plane, namespace, tmp_path):
    return Kubectl(control_plane, namespace, tmp_path)
