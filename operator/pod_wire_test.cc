#include "operator/pod_wire.h"

#include <doctest/doctest.h>

#include "operator/render.h"

namespace sluice::op {
namespace {

using kube::Json;

/// A pod as it is rendered from a template with this spec.
Json rendered(const char* spec) {
  const Json gateway = Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"g-1"}})");
  return render_pod(gateway, "edge-abcde",
                    {.hash = "r1", .pod_template = {{"spec", Json::parse(spec)}}, .default_image = "gateway:1"});
}

/// Written and read again.
Json through_protobuf(const Json& pod) {
  const std::optional<std::string> bytes = kube::write_protobuf_object(pod, kCreatedPod);
  if (!bytes) return "not written";
  const Result<Json> read = kube::read_protobuf_object(*bytes, kCreatedPod);
  return read ? *read : Json(read.error().message);
}

/// What is read has no falses, zeros and empty texts but those of lists.
Json without_zeros(const Json& value) {
  Json out = value;
  if (!value.is_structured()) return out;
  out = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, member] : value.items()) {
    if (value.is_array()) {
      out.push_back(without_zeros(member));
    } else if (member != false && member != 0 && member != "") {
      out[key] = without_zeros(member);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a pod says the same after Protobuf") {
  struct Row {
    std::string name;
    const char* spec;
  };
  const Row rows[] = {
      {"nothing of the user's", "{}"},
      {"scheduling", R"({
         "nodeSelector": {"pool": "edge"}, "priorityClassName": "high", "hostNetwork": true,
         "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 30}],
         "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
           "labelSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}}],
         "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
             [{"matchExpressions": [{"key": "e", "operator": "NotIn", "values": ["f", "g"]}]}]}},
           "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
             [{"weight": 7, "podAffinityTerm": {"topologyKey": "host", "labelSelector": {}}}]}}})"},
      {"containers and volumes", R"({
         "imagePullSecrets": [{"name": "s"}],
         "securityContext": {"fsGroup": 7, "sysctls": [{"name": "net.core.somaxconn", "value": "4096"}]},
         "initContainers": [{"name": "i", "image": "x", "command": ["a", ""], "restartPolicy": "Always"}],
         "volumes": [{"name": "c", "configMap": {"name": "m", "defaultMode": 288, "items": [{"key": "k", "path": "p"}]}},
                     {"name": "e", "emptyDir": {}}, {"name": "z", "emptyDir": {"sizeLimit": "1Gi"}},
                     {"name": "t", "secret": {"secretName": "s"}}],
         "containers": [{"name": "gateway", "image": "x",
           "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
           "env": [{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k", "optional": true}}}],
           "envFrom": [{"configMapRef": {"name": "n"}}],
           "startupProbe": {"tcpSocket": {"port": 8080}, "failureThreshold": 30},
           "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}}}]})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json pod = rendered(row.spec);
    CHECK(through_protobuf(pod) == without_zeros(pod));
  }
}

TEST_CASE("a pod that says what the table does not know, or says it wrongly, is left to JSON") {
  struct Row {
    std::string name;
    const char* spec;
  };
  const Row rows[] = {
      {"a field of a newer Kubernetes", R"({"newest": 1})"},
      {"a volume that is seldom", R"({"volumes": [{"name": "n", "nfs": {"server": "s", "path": "/"}}]})"},
      {"a text that is none", R"({"schedulerName": 5})"},
      {"a number that is none", R"({"terminationGracePeriodSeconds": "5"})"},
      {"a number that 32 bits do not hold", R"({"priority": 5000000000})"},
      {"a fraction", R"({"priority": 1.5})"},
      {"a list that is none", R"({"tolerations": {}})"},
      {"a quantity that is no text", R"({"volumes": [{"name": "n", "emptyDir": {"sizeLimit": 1.5}}]})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(kube::write_protobuf_object(rendered(row.spec), kCreatedPod).has_value());
  }
}

}  // namespace sluice::op
