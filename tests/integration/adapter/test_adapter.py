"""The adapter behind a real aggregator, in front of a real Prometheus: what it answers, whom, and what it says when it cannot."""

import itertools
import json
import re
import subprocess
import threading
import time

import pytest
import yaml
from adapter_process import GROUP, SYSTEM, VERSIONS
from control_plane import eventually

API = f"/apis/{GROUP}"


def path(namespace, rest, version="v1beta2"):
    return f"{API}/{version}/namespaces/{namespace}/{rest}"


def connections(namespace, name="edge", version="v1beta2"):
    return path(namespace, f"realtimegateways.sluice.dev/{name}/rtgw_connections", version)


def pod(namespace, name, **labels):
    spec = {"containers": [{"name": "main", "image": "none"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec}


def set_phase(kubectl, namespace, name, phase):
    """As a kubelet would."""
    conditions = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
    status = json.dumps({"status": {"phase": phase, "conditions": conditions}})
    kubectl("patch", "pod", name, "--namespace", namespace, "--subresource=status", "--type=merge", "-p", status)


def answered(kubectl, where, *words):
    """The items at a path, as soon as it is no error."""
    return eventually(lambda: kubectl.try_run(*words, "get", "--raw", where).returncode == 0, where) and kubectl.raw(where, *words)["items"]


@pytest.fixture
def edge(exporter, namespace):
    """Three pods' connections of a gateway, 60 in all."""
    labels = {"namespace": namespace, "realtimegateway": "edge"}
    for name, value in (("a", 10), ("b", 20), ("c", 30)):
        exporter.set("rtgw_connections", value, pod=name, **labels)
    return namespace


@pytest.fixture
def queues(exporter, kubectl, namespace):
    """Pods with tasks that wait, in every state a pod can be in. All but the last are of app=edge."""
    states = {"one": "Running", "two": "Running", "waits": "Pending", "failed": "Failed", "done": "Succeeded", "other": "Running"}
    kubectl.apply(*(pod(namespace, name, app="other" if name == "other" else "edge") for name in states))
    for number, (name, phase) in enumerate(states.items()):
        exporter.set("rtgw_task_queue_length", number + 0.5, namespace=namespace, pod=name, tenant="default")
        set_phase(kubectl, namespace, name, phase)
    return namespace


@pytest.mark.parametrize("version", VERSIONS)
def test_discovery_lists_the_metrics_of_both_rules(kubectl, edge, queues, version):
    wanted = {"realtimegateways.sluice.dev/rtgw_connections", "pods/rtgw_task_queue_length", "namespaces/rtgw_connections"}

    def listed():
        return {resource["name"]: resource for resource in kubectl.raw(f"{API}/{version}")["resources"]}

    eventually(lambda: wanted <= listed().keys(), "the metrics in discovery")
    entry = listed()["pods/rtgw_task_queue_length"]
    assert entry == {"name": "pods/rtgw_task_queue_length", "singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
    assert listed()["namespaces/rtgw_connections"]["namespaced"] is False


def test_clients_find_the_group_and_prefer_its_newer_version(kubectl, adapter):
    group = kubectl.raw(API)
    assert group["preferredVersion"]["version"] == "v1beta2"
    assert {version["version"] for version in group["versions"]} == set(VERSIONS)
    # What every kubectl command reads first must not complain about us.
    done = kubectl.try_run("api-resources", "--cached=false")
    assert done.returncode == 0 and GROUP not in done.stderr, done.stderr


def test_a_gateway_has_the_connections_of_all_its_pods(kubectl, edge):
    items = answered(kubectl, connections(edge))
    assert len(items) == 1
    assert items[0]["describedObject"] == {"kind": "RealtimeGateway", "namespace": edge, "name": "edge", "apiVersion": "sluice.dev/v1alpha1"}
    assert (items[0]["metric"], items[0]["value"]) == ({"name": "rtgw_connections", "selector": None}, "60")
    old = kubectl.raw(connections(edge, version="v1beta1"))
    assert (old["apiVersion"], old["items"][0]["metricName"], old["items"][0]["value"]) == (f"{GROUP}/v1beta1", "rtgw_connections", "60")


def test_the_timestamp_is_the_samples_own_and_not_the_querys(kubectl, exporter, namespace):
    measured = int(time.time()) - 40
    exporter.set_at(measured, "rtgw_connections", 7, namespace=namespace, realtimegateway="edge", pod="a")
    item = answered(kubectl, connections(namespace))[0]
    assert item["timestamp"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(measured))
    assert item["value"] == "7"


def test_metric_labels_select_series_and_are_echoed(kubectl, edge):
    answered(kubectl, connections(edge))
    some = kubectl.raw(connections(edge) + "?metricLabelSelector=pod%20in%20(a,c)")["items"][0]
    assert some["value"] == "40"
    assert some["metric"]["selector"] == {"matchExpressions": [{"key": "pod", "operator": "In", "values": ["a", "c"]}]}
    assert kubectl.raw(connections(edge) + "?metricLabelSelector=pod%21%3Da")["items"][0]["value"] == "50"
    assert "(BadRequest)" in kubectl.refusal(connections(edge) + "?metricLabelSelector=pod%3E1")
    assert "(NotFound)" in kubectl.refusal(connections(edge) + "?metricLabelSelector=pod%3Dnone")


def test_a_namespace_has_metrics_too(kubectl, edge):
    item = answered(kubectl, path(edge, "metrics/rtgw_connections"))[0]
    assert item["describedObject"] == {"kind": "Namespace", "name": edge, "apiVersion": "/v1"}
    assert item["value"] == "60"


def test_a_node_has_metrics_without_a_namespace(kubectl, exporter, adapter):
    for name, load in (("n.1", 1.25), ("n-2", 3)):
        kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"rack": name}}})
        exporter.set("node_load", load, node=name)
    everything = f"{API}/v1beta2/nodes/*/node_load"
    values = {"n.1": "1250m", "n-2": "3"}
    eventually(lambda: {item["describedObject"]["name"]: item["value"] for item in answered(kubectl, everything)} == values, "both nodes")
    assert kubectl.raw(everything)["items"][0]["describedObject"].keys() == {"kind", "name", "apiVersion"}
    assert kubectl.raw(f"{API}/v1beta2/nodes/n.1/node_load")["items"][0]["value"] == "1250m"
    assert len(kubectl.raw(f"{API}/v1beta2/nodes/*/node_load?labelSelector=rack%3Dn-2")["items"]) == 1


@pytest.mark.parametrize("star", ["*", "%2A"])
def test_pods_are_picked_by_label_and_only_while_they_live(kubectl, queues, star):
    where = path(queues, f"pods/{star}/rtgw_task_queue_length?labelSelector=app%3Dedge")

    def values():
        return {item["describedObject"]["name"]: item["value"] for item in answered(kubectl, where)}

    eventually(lambda: values() == {"one": "500m", "two": "1500m", "waits": "2500m"}, "the values of three pods")

    def everybody():
        return {item["describedObject"]["name"] for item in answered(kubectl, path(queues, f"pods/{star}/rtgw_task_queue_length"))}

    eventually(lambda: everybody() == {"one", "two", "waits", "other"}, "the values of every pod that lives")
    kubectl("label", "pod", "two", "app=other", "--overwrite", "--namespace", queues)
    eventually(lambda: set(values()) == {"one", "waits"}, "the pod whose label changed to be gone")
    assert "(NotFound)" in kubectl.refusal(path(queues, f"pods/{star}/rtgw_task_queue_length?labelSelector=app%3Dnone"))


def test_one_pod_is_asked_for_by_name(kubectl, queues):
    items = answered(kubectl, path(queues, "pods/two/rtgw_task_queue_length"))
    assert [(item["describedObject"]["name"], item["value"]) for item in items] == [("two", "1500m")]
    # As for a selector: not one that has ended, whatever Prometheus still says of it.
    for name in ("failed", "done"):
        sentence = f"the server could not find the metric rtgw_task_queue_length for pods {name}"
        eventually(lambda: sentence in kubectl.refusal(path(queues, f"pods/{name}/rtgw_task_queue_length")), "the refusal")


def test_gateways_are_picked_by_label_too(kubectl, exporter, namespace):
    for name, tier in (("blue", "gold"), ("green", "gold"), ("red", "tin")):
        meta = {"name": name, "namespace": namespace, "labels": {"tier": tier}}
        kubectl.apply({"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "metadata": meta, "spec": {"replicas": 1}})
        exporter.set("rtgw_connections", len(name), namespace=namespace, realtimegateway=name)
    where = path(namespace, "realtimegateways.sluice.dev/*/rtgw_connections?labelSelector=tier%3Dgold")
    eventually(lambda: len(answered(kubectl, where)) == 2, "two gateways")
    assert {item["describedObject"]["name"]: item["value"] for item in answered(kubectl, where)} == {"blue": "4", "green": "5"}


def test_a_rate_is_in_thousandths(kubectl, exporter, prometheus, namespace, adapter):
    labels = {"namespace": namespace, "pod": "a", "quote": 'a"b\\c|d.*'}
    kubectl.apply(pod(namespace, "a"))
    ticks = iter(range(10**6))
    exporter.set("http_requests_total", 0, **labels)

    def grows():
        exporter.set("http_requests_total", next(ticks) * 7, **labels)
        result = prometheus.query(f'rate(http_requests_total{{namespace="{namespace}"}}[1m])')
        return result and float(result[0]["value"][1]) > 0

    eventually(grows, "a rate")
    value = answered(kubectl, path(namespace, "pods/a/http_requests_per_second"))[0]["value"]
    assert float(value.removesuffix("m")) > 0


def test_a_series_that_ended_has_no_value_although_its_rate_still_has_one(kubectl, exporter, prometheus, namespace):
    kubectl.apply(pod(namespace, "a"))
    ticks = iter(range(10**6))
    where = path(namespace, "pods/a/http_requests_per_second")

    def rises():
        exporter.set("http_requests_total", next(ticks) * 7, namespace=namespace, pod="a")
        return kubectl.try_run("get", "--raw", where).returncode == 0

    eventually(rises, "a rate")
    exporter.remove("http_requests_total", namespace=namespace, pod="a")
    refusal = eventually(lambda: kubectl.refusal(where), "the refusal")
    assert "(ServiceUnavailable)" in refusal and "is too old: no sample within Prometheus' look-back" in refusal
    assert prometheus.query(f'rate(http_requests_total{{namespace="{namespace}"}}[1m])'), "Prometheus itself still answers"


def test_what_is_not_there_is_not_found_in_the_words_that_clients_know(kubectl, adapter, edge):
    answered(kubectl, connections(edge))
    for rest, sentence in (
        ("pods/*/no_such_metric", "the server could not find the metric no_such_metric for pods"),
        ("things.example.com/a/no_such_metric", "the server could not find the metric no_such_metric for things.example.com"),
        ("realtimegateways.sluice.dev/none/rtgw_connections", "the server could not find the metric rtgw_connections for realtimegateways.sluice.dev none"),
    ):
        refusal = kubectl.refusal(path(edge, rest))
        assert "(NotFound)" in refusal and refusal.strip().endswith(sentence), refusal
    assert "(BadRequest)" in kubectl.refusal(path(edge, "pods"))
    assert "(BadRequest)" in kubectl.refusal(path(edge, "pods/*/rtgw_task_queue_length?labelSelector=a%20b"))


def test_an_answer_is_a_status_object_for_every_failure(adapter, front_proxy):
    headers = {"X-Remote-User": "root", "X-Remote-Group": "system:masters"}
    for method, where, code, reason in (
        ("GET", f"{API}/v1beta2/namespaces/x/pods/*/no_such_metric", 404, "NotFound"),
        ("GET", f"{API}/v1beta2/namespaces/x", 400, "BadRequest"),
        ("POST", f"{API}/v1beta2", 405, "MethodNotAllowed"),
        ("GET", f"{API}/v1beta9", 404, "NotFound"),
        ("GET", "/openapi/v3", 404, "NotFound"),
    ):
        status, body = adapter.ask(where, headers, front_proxy, method)
        answer = json.loads(body)
        assert (status, answer["kind"], answer["status"], answer["code"], answer["reason"]) == (code, "Status", "Failure", code, reason)
    status, body = adapter.ask(API, {**headers, "Accept": "application/vnd.kubernetes.protobuf"}, front_proxy)
    assert (status, json.loads(body)["reason"]) == (406, "NotAcceptable")


def test_a_rule_that_prometheus_refuses_is_named_and_harms_no_other(kubectl, exporter, edge):
    exporter.set("refused_gauge", 1, namespace=edge, pod="a")
    answered(kubectl, connections(edge))
    refusal = eventually(lambda: "(InternalError)" in (said := kubectl.refusal(path(edge, "metrics/refused_gauge"))) and said, "the refusal")
    assert "rule 4" in refusal and "bad_data" in refusal
    assert answered(kubectl, connections(edge))


def test_who_may_not_read_is_told_so_by_the_api_servers_rules(kubectl, adapter, front_proxy, edge):
    where = connections(edge)
    answered(kubectl, where)
    assert "(Forbidden)" in kubectl.refusal(where, "--as=alice")

    # Past kube-apiserver, which would have refused her itself: our own question to it has the same answer.
    status, body = adapter.ask(where, {"X-Remote-User": "alice"}, front_proxy)
    assert status == 403
    assert json.loads(body)["message"].startswith(
        f'realtimegateways.sluice.dev.{GROUP} "edge" is forbidden: User "alice" cannot get resource '
        f'"realtimegateways.sluice.dev/rtgw_connections" in API group "{GROUP}" in the namespace "{edge}"'
    )
    rule = {"apiGroups": [GROUP], "resources": ["realtimegateways.sluice.dev/rtgw_connections"], "verbs": ["get"]}
    kubectl.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reads", "namespace": edge}, "rules": [rule]})
    kubectl("create", "rolebinding", "reads", "--role=reads", "--user=alice", "--namespace", edge)
    eventually(lambda: adapter.ask(where, {"X-Remote-User": "alice"}, front_proxy)[0] == 200, "alice to be let in")
    assert adapter.ask(where, {"X-Remote-User": "bob"}, front_proxy)[0] == 403
    assert adapter.ask(where, {"X-Remote-User": "bob", "X-Remote-Group": "system:masters"}, front_proxy)[0] == 200


def test_the_hpa_controller_may_read(adapter, front_proxy, kubectl, edge):
    answered(kubectl, connections(edge))
    user = {"X-Remote-User": "system:serviceaccount:kube-system:horizontal-pod-autoscaler"}
    assert adapter.ask(connections(edge), user, front_proxy)[0] == 200


def test_headers_name_nobody_without_the_front_proxys_certificate(adapter, control_plane, front_proxy, edge):
    forged = {"X-Remote-User": "root", "X-Remote-Group": "system:masters"}
    pki = front_proxy[0].parent
    admin = pki / "admin.crt", pki / "admin.key"
    etcd = pki / "apiserver-etcd-client.crt", pki / "apiserver-etcd-client.key"
    for identity in (None, admin, etcd):
        status, body = adapter.ask(connections(edge), forged, identity)
        assert (status, json.loads(body)["reason"]) == (401, "Unauthorized")
    status, body = adapter.ask(connections(edge))
    assert status == 403 and 'User "system:anonymous"' in json.loads(body)["message"]


def test_users_come_with_their_own_certificate_or_token(adapter, kubectl, front_proxy, edge):
    answered(kubectl, connections(edge))
    pki = front_proxy[0].parent
    assert adapter.ask(connections(edge), identity=(pki / "admin.crt", pki / "admin.key"))[0] == 200
    status, body = adapter.ask(connections(edge), identity=(pki / "kube-proxy.crt", pki / "kube-proxy.key"))
    assert status == 403 and 'User "system:kube-proxy"' in json.loads(body)["message"]
    assert adapter.ask(connections(edge), identity=(pki / "apiserver-etcd-client.crt", pki / "apiserver-etcd-client.key"))[0] == 401

    token = kubectl("create", "token", "sluice-adapter", "--namespace", SYSTEM).strip()
    status, body = adapter.ask(connections(edge), {"Authorization": f"Bearer {token}"})
    assert status == 403 and f'User "system:serviceaccount:{SYSTEM}:sluice-adapter"' in json.loads(body)["message"]
    assert adapter.ask(connections(edge), {"Authorization": "Bearer nonsense"})[0] == 401
    assert token not in adapter.log


def test_health_needs_no_user_and_metrics_need_one(adapter, front_proxy):
    assert adapter.ask("/livez") == (200, "ok")
    assert adapter.ask("/readyz") == (200, "ok")
    assert "[+]pods ok" in adapter.ask("/readyz?verbose")[1]
    assert adapter.ask("/metrics")[0] == 403
    status, text = adapter.ask("/metrics", {"X-Remote-User": "root", "X-Remote-Group": "system:masters"}, front_proxy)
    assert status == 200
    for name in (
        "apiserver_request_duration_seconds_count",
        "cmgateway_prometheus_query_latency_seconds_count",
        "metrics_apiserver_metric_freshness_seconds_count",
        "sluice_adapter_relist_last_success_timestamp_seconds",
        "rest_client_requests_total",
    ):
        assert name in text
    assert json.loads(adapter.ask("/version", {"X-Remote-User": "root", "X-Remote-Group": "system:masters"}, front_proxy)[1])["gitVersion"].startswith("v")


def test_a_certificate_that_changes_is_served_at_once_and_trusted_by_the_aggregator(adapter, pki, kubectl, edge):
    answered(kubectl, connections(edge))
    before = shown(adapter)
    pki.issue("sluice-adapter.sluice-system.svc")
    eventually(lambda: shown(adapter) != before, "the new certificate")
    assert answered(kubectl, connections(edge))


def shown(adapter):
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{adapter.port}"]
    done = subprocess.run(words, input="", capture_output=True, text=True, check=False)
    return done.stdout.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]


def test_a_broken_rule_file_ends_the_program_with_one_line(program, control_plane, prometheus, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- seriesQuery: up\n  metricsQuery: up\n  resources: {template: <<.Resource>>}\n  seriesFilter: []\n")
    words = [program, f"--config={rules}", f"--prometheus-url={prometheus.url}", f"--kubeconfig={control_plane}"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    known = "(known: seriesQuery, seriesFilters, resources, name, metricsQuery)"
    assert done.stderr == f"sluice-adapter: {rules}:5: rule 1: seriesFilter: unknown field {known}\n"


def test_wrong_flags_end_the_program_with_one_line(program, tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"rules": []}))
    for words, said in (
        (["--config=none.yaml", "--prometheus-url=http://127.0.0.1:9"], "none.yaml: no such file, or not readable"),
        (["--prometheus-url=http://127.0.0.1:9"], "--config: is missing"),
        (["--config=x", "--prometheus-url=127.0.0.1:9"], '--prometheus-url: "127.0.0.1:9" is not a URL'),
        (["--no-such-flag"], "unknown flag --no-such-flag (try --help)"),
    ):
        done = subprocess.run([str(program), *words], capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert said in done.stderr
    done = subprocess.run([str(program), "--help"], capture_output=True, text=True, timeout=30, check=True)
    assert "--prometheus-url" in done.stdout


def test_a_flood_of_strangers_keeps_no_user_out(adapter, front_proxy, kubectl, edge):
    answered(kubectl, connections(edge))
    user = {"X-Remote-User": "system:serviceaccount:kube-system:horizontal-pod-autoscaler"}
    over, strangers = threading.Event(), set()

    def flood(number):
        for turn in itertools.count():
            if over.is_set():
                return
            headers = {"Authorization": f"Bearer {number}-{turn}"} if number % 2 else {}
            strangers.add(adapter.ask(connections(edge, f"x{number}-{turn}"), headers)[0])

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    try:
        # Each name is a question of its own to the API server.
        asked = {adapter.ask(connections(edge, f"y{turn}"), user, front_proxy)[0] for turn in range(40)}
        found = adapter.ask(connections(edge), user, front_proxy)[0]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert (asked, found) == ({404}, 200)
    assert strangers <= {401, 403, 429}


def test_a_question_longer_than_any_name_is_refused(adapter, front_proxy, edge):
    for headers, identity in (({}, None), ({"X-Remote-User": "alice"}, front_proxy)):
        status, body = adapter.ask(connections(edge, "x" * 5000), headers, identity)
        assert (status, json.loads(body)["reason"]) == (400, "BadRequest")


def test_it_stays_small(adapter, kubectl, edge, build_dir):
    answered(kubectl, connections(edge))
    print(f"figure adapter.rss_mb = {adapter.rss_mb:.1f} MB")
    sanitized = re.search(r"^SLUICE_SANITIZE:\w+=\S", (build_dir / "CMakeCache.txt").read_text(), re.MULTILINE)
    assert adapter.rss_mb <= (300 if sanitized else 30)  # a sanitizer's shadow is not ours
