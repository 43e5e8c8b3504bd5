"""The real node with everything on it, as scripts/deploy-local leaves it."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "sluice-system"
CLUSTER = ROOT / "tests" / "cluster" / "cluster"


class Failed(AssertionError):
    """A command that had to work did not."""


def run(*words, text=None, env=None):
    """A command's outcome, with both streams as text."""
    environment = {**os.environ, **(env or {})}
    return subprocess.run([str(word) for word in words], input=text, capture_output=True, text=True, env=environment, check=False)


def must(done):
    if done.returncode != 0:
        raise Failed(f"{' '.join(done.args)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Node:
    """Commands against the node. Threads: any."""

    def __init__(self):
        self.kubeconfig = must(run(CLUSTER, "kubeconfig")).strip()
        self.programs = Path(must(run(CLUSTER, "bin")).splitlines()[-1])
        self._env = {"KUBECONFIG": self.kubeconfig, "PATH": f"{self.programs}:{os.environ['PATH']}"}

    def try_kubectl(self, *words, text=None):
        return run(self.programs / "kubectl", *words, text=text, env=self._env)

    def kubectl(self, *words, text=None):
        """Standard output of kubectl; raises Failed where it fails."""
        return must(self.try_kubectl(*words, text=text))

    def get(self, *words):
        """Objects as kubectl get finds them, parsed."""
        return json.loads(self.kubectl("get", "-o", "json", *words))

    def apply(self, *objects):
        documents = [json.dumps(an_object) for an_object in objects]
        return self.kubectl("apply", "-f", "-", text="\n---\n".join(documents))

    def try_helm(self, *words):
        return run(self.programs / "helm", *words, env=self._env)

    def helm(self, *words):
        return must(self.try_helm(*words))


def is_up():
    return run(CLUSTER, "status").returncode == 0


def deploy(*flags):
    """The node, unless it runs, with images, Prometheus and the chart; flags are helm's."""
    done = subprocess.run([ROOT / "scripts" / "deploy-local", *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"scripts/deploy-local: {done.stdout}")
    return Node()


def take_down():
    must(run(CLUSTER, "down"))
