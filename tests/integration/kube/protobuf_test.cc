// What the operator reads of pods and nodes is the same in Protobuf as in JSON, by every kind of call.
#include "common/kube/protobuf.h"

#include <doctest/doctest.h>

#include <map>

#include "common/kube/informer.h"
#include "operator/node_view.h"
#include "operator/pod_facts.h"
#include "tests/integration/kube/cluster.h"

namespace sluice::kube {
namespace {

/// Owned by what is there: the garbage collector deletes what is not.
Json pod_named(const std::string& name, const std::string& owner, const std::string& controller) {
  Json pod = Json::parse(R"({
    "metadata": {
      "labels": {"sluice.dev/gateway": "edge", "sluice.dev/revision": "r1", "sluice.dev/state": "draining", "empty": ""},
      "annotations": {"sluice.dev/session-cost": "2.5", "sluice.dev/drain-rate": "40", "other": "text"},
      "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "controller": false},
                          {"apiVersion": "v1", "kind": "ConfigMap", "name": "controller", "controller": true}]
    },
    "spec": {
      "terminationGracePeriodSeconds": 33,
      "containers": [
        {"name": "sidecar", "image": "x", "ports": [{"name": "admin", "containerPort": 1}]},
        {"name": "gateway", "image": "x", "resources": {"requests": {"cpu": "10m"}},
         "ports": [{"name": "admin", "containerPort": 7001}, {"name": "ws", "containerPort": 7002}]}
      ]
    }
  })");
  pod["metadata"]["name"] = name;
  pod["metadata"]["ownerReferences"][0]["uid"] = owner;
  pod["metadata"]["ownerReferences"][1]["uid"] = controller;
  return pod;
}

const char* const kRunning = R"({"status": {
  "phase": "Running", "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}],
  "conditions": [{"type": "PodScheduled", "status": "True"},
                 {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-26T01:02:03Z"}],
  "containerStatuses": [{"name": "gateway", "image": "x", "imageID": "", "ready": true, "restartCount": 2,
                         "state": {"running": {"startedAt": "2026-11-26T01:02:03Z"}},
                         "lastState": {"terminated": {"exitCode": 1}}}]}})";
const char* const kWaiting = R"({"status": {
  "phase": "Pending", "podIP": "fd00::7", "podIPs": [{"ip": "fd00::7"}],
  "conditions": [{"type": "Ready", "status": "False"}],
  "containerStatuses": [{"name": "gateway", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
                         "state": {"waiting": {"reason": "ImagePullBackOff"}}, "lastState": {}}]}})";
const char* const kEnded = R"({"status": {
  "phase": "Failed",
  "containerStatuses": [{"name": "gateway", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
                         "state": {"terminated": {"exitCode": 0}}, "lastState": {}}]}})";

Json must(Result<Json> answer) {
  if (!answer) FAIL(answer.error().message);
  return std::move(*answer);
}

/// The same pod, read in two ways. The scheduler may have written to it in between, what is not read here.
void check(op::PodFacts told, const Json& in_json) {
  op::PodFacts expected = op::facts_of(in_json);
  CHECK(!told.resource_version.empty());
  told.resource_version = expected.resource_version;
  CHECK(told == expected);
}

/// No pod can be made before controller-manager has made the namespace's service account.
void wait_for_service_account(TestNamespace& ns) {
  const Resource accounts{"", "v1", "serviceaccounts", "ServiceAccount"};
  Random random(1);
  Informer informer(ns.client(), kSystemClock, random, accounts, {.ns = ns.name()}, nullptr);
  Awaited<bool> made;
  informer.add_handler([&](const Object&, const Object& after) {
    if (after && name_of(*after) == "default") made.change([](bool& is) { is = true; });
  });
  informer.start();
  CHECK(made.wait([](bool is) { return is; }));
  informer.stop();
}

}  // namespace

TEST_CASE("a pod says the same in Protobuf as in JSON, by every kind of call") {
  TestNamespace ns;
  wait_for_service_account(ns);
  Client& client = ns.client();
  const std::string owner(uid_of(must(client.create(kConfigMaps, ns.name(), config_map("owner", "")))));
  const std::string controller(uid_of(must(client.create(kConfigMaps, ns.name(), config_map("controller", "")))));
  const std::map<std::string, const char*> pods{
      {"new", nullptr}, {"running", kRunning}, {"waiting", kWaiting}, {"ended", kEnded}};
  for (const auto& [name, status] : pods) {
    CAPTURE(name);
    const Json made = must(client.create(op::kSlimPods, ns.name(), pod_named(name, owner, controller)));
    CHECK(!made.contains("/spec/containers/0/image"_json_pointer));
    check(op::facts_of(made), must(client.get(kPods, ns.name(), name)));
    if (status == nullptr) continue;
    const Json patched = must(client.patch(op::kSlimPods, ns.name(), name, PatchType::kMerge, Json::parse(status),
                                           {.subresource = "status"}));
    check(op::facts_of(patched), must(client.get(kPods, ns.name(), name)));
    check(op::facts_of(must(client.get(op::kSlimPods, ns.name(), name))), must(client.get(kPods, ns.name(), name)));
  }
  const op::PodFacts running = op::facts_of(must(client.get(op::kSlimPods, ns.name(), "running")));
  CHECK(running.ready);
  CHECK(running.address == "10.0.0.7:7001");
  CHECK(running.owner_uid == controller);
  CHECK(running.session_cost == 2.5);
  CHECK(op::facts_of(must(client.get(op::kSlimPods, ns.name(), "waiting"))).waits_for == "Unscheduled");

  const Json list = must(client.list(op::kSlimPods, ns.name()));
  CHECK(list["items"].size() == pods.size());
  CHECK(!resource_version_of(list).empty());
  for (const Json& pod : list["items"]) {
    check(op::facts_of(pod), must(client.get(kPods, ns.name(), std::string(name_of(pod)))));
  }
}

TEST_CASE("a pod that is sent as Protobuf is the pod that is sent as JSON") {
  TestNamespace ns;
  wait_for_service_account(ns);
  Client& client = ns.client();
  const char* const spec = R"({
    "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 0,
    "nodeSelector": {"pool": "none"}, "priority": 0,
    "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
      "labelSelector": {"matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": 3, "preference": {"matchExpressions": [{"key": "e", "operator": "DoesNotExist"}]}}]},
      "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}]}},
    "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "c", "configMap": {"name": "m", "items": [{"key": "k", "path": "p", "mode": 256}]}},
                {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "10Mi"}}],
    "containers": [{"name": "gateway", "image": "x:1", "args": ["--port", "8080"],
      "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}, "requests": {"cpu": 1}},
      "ports": [{"name": "ws", "containerPort": 8080}, {"name": "admin", "containerPort": 9901, "protocol": "UDP"}],
      "env": [{"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}, {"name": "EMPTY", "value": ""}],
      "envFrom": [{"prefix": "P_", "secretRef": {"name": "s", "optional": true}}],
      "volumeMounts": [{"name": "e", "mountPath": "/e", "readOnly": true}],
      "readinessProbe": {"httpGet": {"path": "/readyz", "port": "ws"}, "periodSeconds": 2, "failureThreshold": 2},
      "livenessProbe": {"httpGet": {"path": "/healthz", "port": 9902}},
      "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}},
      "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]})";
  const auto made_as = [&](const Resource& pods, const char* name) {
    const Json pod{{"apiVersion", "v1"},
                   {"kind", "Pod"},
                   {"metadata", {{"name", name}, {"labels", {{"tier", "edge"}, {"empty", ""}}}}},
                   {"spec", Json::parse(spec)}};
    CHECK(write_protobuf_object(pod, op::kCreatedPod).has_value());
    return must(client.create(pods, ns.name(), pod));
  };
  const Json in_json = made_as(kPods, "json");
  const Json in_protobuf = made_as(kPods.written_as(op::kCreatedPod), "protobuf");
  CHECK(in_protobuf["spec"] == in_json["spec"]);
  CHECK(in_protobuf["metadata"]["labels"] == in_json["metadata"]["labels"]);
}

TEST_CASE("an informer that reads Protobuf is told of each change, and an answer that is an error is read as one") {
  TestNamespace ns;
  wait_for_service_account(ns);
  Client& client = ns.client();
  const std::string owner(uid_of(must(client.create(kConfigMaps, ns.name(), config_map("owner", "")))));
  const std::string controller(uid_of(must(client.create(kConfigMaps, ns.name(), config_map("controller", "")))));
  const Result<Json> absent = client.get(op::kSlimPods, ns.name(), "nobody");
  REQUIRE(!absent);
  CHECK(absent.error().code == ErrorCode::kNotFound);
  CHECK(absent.error().message.find("pods \"nobody\" not found") != std::string::npos);

  must(client.create(op::kSlimPods, ns.name(), pod_named("first", owner, controller)));
  Random random(1);
  Informer informer(client, kSystemClock, random, op::kSlimPods,
                    {.ns = ns.name(), .label_selector = "sluice.dev/gateway"}, nullptr);
  Awaited<std::map<std::string, op::PodFacts>> seen;
  informer.add_handler([&](const Object& before, const Object& after) {
    seen.change([&](auto& pods) {
      if (after) {
        pods[std::string(name_of(*after))] = op::facts_of(*after);
      } else {
        pods.erase(std::string(name_of(*before)));
      }
    });
  });
  informer.start();
  REQUIRE(informer.wait_synced(kPatience));
  CHECK(seen.wait([](const auto& pods) { return pods.contains("first"); }));
  must(client.create(kPods, ns.name(), pod_named("second", owner, controller)));
  must(client.patch(kPods, ns.name(), "second", PatchType::kMerge, Json::parse(kRunning), {.subresource = "status"}));
  CHECK(seen.wait([](const auto& pods) { return pods.contains("second") && pods.at("second").ready; }));
  check(seen.get().at("second"), must(client.get(kPods, ns.name(), "second")));
  REQUIRE(client.remove(op::kSlimPods, ns.name(), "first", {.grace_seconds = 0}));
  CHECK(seen.wait([](const auto& pods) { return !pods.contains("first"); }));
  informer.stop();
}

TEST_CASE("a node says the same in Protobuf as in JSON") {
  TestNamespace ns;
  Client& client = ns.client();
  const std::string name = ns.name();  // of this test alone
  const Json node{
      {"metadata", {{"name", name}, {"labels", {{"topology.kubernetes.io/zone", "z1"}}}}},
      {"spec",
       {{"unschedulable", true},
        {"taints", {{{"key", "ToBeDeletedByClusterAutoscaler"}, {"value", "1700000000"}, {"effect", "NoSchedule"}}}}}}};
  must(client.create(kNodes, "", node));
  REQUIRE(client.patch(kNodes, "", name, PatchType::kMerge,
                       {{"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}},
                       {.subresource = "status"}));
  // The node controller writes to it, too: what is compared is of one version.
  Json protobuf;
  Json plain;
  for (int i = 0; i < 100 && (protobuf.is_null() || resource_version_of(protobuf) != resource_version_of(plain)); ++i) {
    protobuf = must(client.get(op::kSlimNodes, "", name));
    plain = must(client.get(kNodes, "", name));
  }
  REQUIRE(resource_version_of(protobuf) == resource_version_of(plain));
  const op::NodeView view = op::view_node(protobuf);
  CHECK(view == op::view_node(plain));
  CHECK(view.domain == "z1");
  CHECK(view.going);
  CHECK(view.ready);
  CHECK(client.remove(op::kSlimNodes, "", name));
}

}  // namespace sluice::kube
