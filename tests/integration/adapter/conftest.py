"""A control plane of these tests' own (an aggregated API touches every client of it), a Prometheus and an adapter for all of them."""

import sys
import tempfile
import uuid
from pathlib import Path

import control_plane as control_planes
import pytest
from clusters import cluster

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from adapter_process import SYSTEM, VERSIONS, GROUP, Adapter, Kubectl, Pki, access_rules, registration, service_account_kubeconfig  # noqa: E402
from prometheus_process import Exporter, Prometheus  # noqa: E402

PORT_BASE = 21040

# What the chart ships, one with a rate, one that Prometheus refuses, and one without a namespace.
RULES = {
    "rules": [
        {
            "seriesQuery": 'rtgw_connections{namespace!="",realtimegateway!=""}',
            "resources": {
                "overrides": {
                    "namespace": {"resource": "namespace"},
                    "realtimegateway": {"group": "sluice.dev", "resource": "realtimegateway"},
                }
            },
            "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
        },
        {
            "seriesQuery": 'rtgw_task_queue_length{namespace!="",pod!=""}',
            "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
            "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
        },
        {
            "seriesQuery": '{__name__=~"^http_.*_total$",namespace!=""}',
            "name": {"matches": "^(.*)_total$", "as": "${1}_per_second"},
            "resources": {"template": "<<.Resource>>"},
            "metricsQuery": "sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)",
        },
        {
            "seriesQuery": 'refused_gauge{namespace!=""}',
            "resources": {"template": "<<.Resource>>"},
            "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}",
        },
        {
            "seriesQuery": 'node_load{node!=""}',
            "resources": {"template": "<<.Resource>>"},
            "metricsQuery": "avg(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
        },
    ]
}


# What a user of the chart adds by adapter.extraResources.
RBAC = "rbac.authorization.k8s.io"
NODE_READER = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "reads-nodes"},
    "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}],
}
NODE_READING = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "reads-nodes"},
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "reads-nodes"},
    "subjects": [{"kind": "ServiceAccount", "name": "sluice-adapter", "namespace": SYSTEM}],
}


@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(prefix="sluice-") as made:
        yield Path(made)


@pytest.fixture(scope="session")
def control_plane(folder):
    with control_planes.running(folder / "cluster", PORT_BASE) as own:
        yield own


@pytest.fixture(scope="session")
def kubectl(control_plane):
    return Kubectl(Path(cluster("bin").stdout.splitlines()[-1]) / "kubectl", control_plane)


@pytest.fixture(scope="session")
def exporter():
    made = Exporter()
    yield made
    made.close()


@pytest.fixture(scope="session")
def prometheus(folder, exporter):
    (folder / "prometheus").mkdir()
    made = Prometheus(folder / "prometheus", exporter)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def program(build_dir):
    return build_dir / "adapter" / "sluice-adapter"


@pytest.fixture(scope="session")
def pki(folder):
    (folder / "pki").mkdir()
    return Pki(folder / "pki")


@pytest.fixture(scope="session")
def adapter(folder, program, kubectl, control_plane, prometheus, pki):
    """Runs with the chart's rights, and is registered with the aggregator."""
    kubectl("apply", "-f", control_planes.CHECKOUT / "crds")
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    kubectl("create", "namespace", SYSTEM)
    kubectl.apply(*access_rules(kubectl), NODE_READER, NODE_READING)
    kubeconfig = service_account_kubeconfig(kubectl, control_plane, "sluice-adapter", folder / "adapter.kubeconfig")
    (folder / "adapter").mkdir()
    made = Adapter(program, folder / "adapter", pki, kubeconfig, prometheus.url, RULES)
    made.start()
    kubectl.apply(*registration(kubectl, pki, made.port))
    for version in VERSIONS:
        kubectl("wait", "--for=condition=Available", "--timeout=60s", f"apiservice/{version}.{GROUP}")
    yield made
    assert made.stop() == 0, made.log


@pytest.fixture
def namespace(kubectl, adapter):
    name = f"ad-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def front_proxy(control_plane):
    """The certificate and key that the API server shows where it passes a request on."""
    pki = Path(control_plane).parent / "pki"
    return pki / "front-proxy-client.crt", pki / "front-proxy-client.key"
