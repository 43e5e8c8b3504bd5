"""The node, once for all tests; a namespace and gateways for each of them."""

import uuid

import node as node_module
import pytest
from gateway import Gateway, manifest


@pytest.fixture(scope="session")
def node():
    """A node that runs already is used and left running, so that a developer need not wait for it each time."""
    ran_before = node_module.is_up()
    try:
        yield node_module.deploy()
    finally:
        if not ran_before:
            node_module.take_down()


@pytest.fixture
def namespace(node):
    """A namespace that admits only what Pod Security calls restricted."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    node.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    # Background deletion drains; without clients that takes as long as propagation and jitter.
    node.kubectl("--namespace", name, "delete", "hpa,realtimegateways", "--all", "--wait=true", "--timeout=120s")
    node.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def gateways(node, namespace):
    """Makes RealtimeGateways: `gateways("edge", replicas=2, drain={...})`, ready and reached through their Services when it returns."""

    def make(name, replicas=1, **spec):
        node.apply(manifest(name, namespace, replicas=replicas, **spec))
        made = Gateway(node, namespace, name)
        made.wait_ready(replicas)
        made.wait_reached(replicas)
        return made

    return make
