"""The chart by real helm: what it refuses, and an upgrade and an uninstall under clients that go on talking."""

import shutil

import pytest
import yaml
from clients import Fleet
from gateway import Watcher
from node import ROOT, SYSTEM, deploy
from waiting import eventually

CHART = ROOT / "charts" / "sluice"
CRD = "realtimegateways.sluice.dev"
VARIANTS = {
    "defaults": [],
    "one replica": ["--set", "operator.replicas=1,adapter.replicas=1"],
    "without adapter": ["--set", "adapter.enabled=false"],
    "own certificate": ["--set", "adapter.tls.mode=existingSecret,adapter.tls.existingSecret=mine,adapter.tls.caBundle=PEM"],
    "placed": ["--set", "operator.nodeSelector.a=b,adapter.priorityClassName=system-cluster-critical,image.pullSecrets={regcred}"],
    "more rules": ["--set", "adapter.extraRules[0].seriesQuery=up,adapter.extraResources[0].apiGroups={apps},adapter.extraResources[0].resources={deployments}"],
}


def render(node, *flags):
    return node.helm("template", "sluice", CHART, "--namespace", SYSTEM, *flags)


def test_lint(node):
    assert "0 chart(s) failed" in node.helm("lint", "--strict", CHART)


@pytest.mark.parametrize("flags", VARIANTS.values(), ids=VARIANTS.keys())
def test_the_api_server_takes_what_the_chart_renders(node, flags):
    node.kubectl("apply", "--dry-run=server", "-f", "-", text=render(node, *flags))


def test_monitors_and_cert_manager_objects_are_rendered_when_asked_for(node):
    """Their kinds are not on this node, so they are only read."""
    kinds = [document["kind"] for document in yaml.safe_load_all(render(node, "--set", "podMonitor.enabled=true,adapter.tls.mode=certManager")) if document]
    assert kinds.count("PodMonitor") == 2
    assert {"Certificate", "Issuer"} <= set(kinds)
    assert "Secret" not in kinds


def test_the_crd_is_the_one_of_crds(node):
    rendered = [d for d in yaml.safe_load_all(render(node)) if d and d["kind"] == "CustomResourceDefinition"]
    assert [d["spec"] for d in rendered] == [yaml.safe_load((ROOT / "crds" / f"{CRD}.yaml").read_text())["spec"]]


REFUSED = {
    "a value that does not exist": ("operator.replica=2", "replica"),
    "an address that is none": ("adapter.prometheus.url=prometheus", "url"),
    "a level that does not exist": ("adapter.logLevel=loud", "logLevel"),
    "no Secret named": ("adapter.tls.mode=existingSecret", "adapter.tls.existingSecret"),
}


@pytest.mark.parametrize("flag, name", REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_value_is_refused_by_name(node, flag, name):
    refused = node.try_helm("template", "sluice", CHART, "--set", flag)
    assert refused.returncode != 0
    assert name in refused.stderr


def secret_and_trust(node):
    secret = node.get("secret", "sluice-adapter-tls", "--namespace", SYSTEM)["data"]
    service = node.get("apiservice", "v1beta2.custom.metrics.k8s.io")
    return secret, service["spec"]["caBundle"]


def may(node, account, verb, resource, namespace):
    """Whether the API server lets a service account of the chart do that. `resource` may be an object ("secrets/x") or have a flag behind it."""
    user = f"system:serviceaccount:{SYSTEM}:sluice-{account}"
    return node.try_kubectl("auth", "can-i", verb, *resource.split(), "--namespace", namespace, f"--as={user}").stdout.strip() == "yes"


def test_programs_may_do_what_they_do_and_no_more(node, namespace):
    assert may(node, "operator", "delete", "pods", namespace)
    assert may(node, "operator", "get", "secrets/sluice-admin-signing-key", SYSTEM)
    for verb, resource, where in [
        ("get", "secrets", namespace),
        ("list", "secrets", SYSTEM),
        ("get", "secrets/sluice-adapter-tls", SYSTEM),
        ("delete", "configmaps", namespace),
        ("delete", "services", namespace),
        ("create", "pods --subresource=exec", namespace),
        ("update", "realtimegateways", namespace),
    ]:
        assert not may(node, "operator", verb, resource, where), f"the operator may {verb} {resource} in {where}"
    assert may(node, "adapter", "list", "pods", namespace)
    for verb, resource in [("get", "secrets"), ("get", "configmaps"), ("delete", "pods"), ("patch", "realtimegateways.sluice.dev")]:
        assert not may(node, "adapter", verb, resource, namespace), f"the adapter may {verb} {resource}"


def test_viewers_and_editors_of_a_namespace_see_and_edit_gateways(node):
    rules = {name: node.get("clusterrole", name)["rules"] for name in ("view", "edit")}
    verbs = {name: {verb for rule in rules[name] if "sluice.dev" in rule.get("apiGroups", []) for verb in rule["verbs"]} for name in rules}
    assert verbs["view"] == {"get", "list", "watch"}
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= verbs["edit"]


def test_programs_are_never_refused_what_they_ask_for(node, gateways):
    """A verb that a Role lacks shows in the logs as "forbidden" long before somebody misses what it was for."""
    edge = gateways("edge", replicas=2)
    edge.scale(1)
    edge.wait_pods(1)
    for name in ("operator", "adapter"):
        logs = node.kubectl("--namespace", SYSTEM, "logs", f"--selector=app.kubernetes.io/component={name}", "--tail=-1")
        assert "forbidden" not in logs.lower()


def spec_fields(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def test_an_upgrade_brings_the_fields_of_its_crd(node, tmp_path):
    """What helm's own crds/ folder would not do: an operator that acts on fields which the API server refuses."""
    older = shutil.copytree(CHART, tmp_path / "sluice")
    path = older / "files" / f"{CRD}.yaml"
    crd = yaml.safe_load(path.read_text())
    del spec_fields(crd)["disruption"]
    path.write_text(yaml.safe_dump(crd))
    try:
        node.helm("upgrade", "sluice", older, "--namespace", SYSTEM, "--reuse-values", "--wait")
        assert "disruption" not in spec_fields(node.get("crd", CRD))
    finally:
        deploy()
    assert "disruption" in spec_fields(node.get("crd", CRD))


def test_upgrade_and_uninstall_disturb_no_client(node, gateways):
    edge = gateways("edge", replicas=2)
    with Fleet(edge.url(), 30) as fleet, Watcher(edge) as watcher:
        fleet.wait_connected()
        certificate = secret_and_trust(node)
        deploy("--set", "operator.logLevel=debug", "--set", "adapter.logLevel=debug")
        assert secret_and_trust(node) == certificate
        assert "debug" in str(node.get("deployment", "sluice-operator", "--namespace", SYSTEM)["spec"]["template"]["spec"]["containers"])

        try:
            node.helm("uninstall", "sluice", "--namespace", SYSTEM, "--wait")
            assert node.get("crd", CRD)
            assert node.try_kubectl("get", "apiservice", "v1beta2.custom.metrics.k8s.io").returncode != 0
            heard = fleet.heard_since()
            eventually(heard, "clients talking without an operator")
            assert len(edge.pods()) == 2
        finally:
            deploy()
        # The operator takes its gateways over again.
        edge.scale(1)
        edge.wait_pods(1)
        fleet.wait_connected()
    assert fleet.account.abnormal == {}
    assert fleet.account.lost == 0
    assert watcher.cut == []
