#include "operator/render.h"

#include <doctest/doctest.h>

namespace sluice::op {
namespace {

using kube::Json;

Json gateway_with(const char* pod_template) {
  Json gateway = Json::parse(R"({"apiVersion":"sluice.dev/v1alpha1","kind":"RealtimeGateway",
      "metadata":{"name":"edge","namespace":"live","uid":"u-1"},
      "spec":{"replicas":2,"disruption":{"maxUnavailable":"25%"}}})");
  gateway["spec"]["template"] = Json::parse(pod_template);
  return gateway;
}

Json pod_of(const char* pod_template, const char* default_image) {
  Revision revision;
  revision.hash = "rev1";
  revision.pod_template = Json::parse(pod_template);
  revision.default_image = default_image;
  return render_pod(gateway_with("{}"), "edge-abcde", revision);
}

const Json& named(const Json& list, const char* name) {
  for (const Json& entry : list) {
    if (entry["name"] == name) return entry;
  }
  FAIL("no entry ", name);
  return list;
}

}  // namespace

TEST_CASE("an empty template becomes a whole, restricted gateway pod") {
  const Json pod = pod_of("{}", "sluice.dev/sluice-gateway:0.1.0");
  CHECK(pod["metadata"]["name"] == "edge-abcde");
  CHECK(pod["metadata"]["namespace"] == "live");
  CHECK(pod["metadata"]["labels"] == Json{{"sluice.dev/gateway", "edge"},
                                          {"sluice.dev/state", "active"},
                                          {"sluice.dev/traffic", "on"},
                                          {"sluice.dev/revision", "rev1"}});
  CHECK(pod["metadata"]["ownerReferences"][0]["uid"] == "u-1");
  CHECK(pod["metadata"]["ownerReferences"][0]["controller"] == true);
  CHECK(pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "true");
  const Json& spec = pod["spec"];
  CHECK(spec["restartPolicy"] == "Always");
  CHECK(spec["terminationGracePeriodSeconds"] == 600);
  CHECK(spec["securityContext"]["runAsNonRoot"] == true);
  CHECK(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault");
  REQUIRE(spec["containers"].size() == 1);
  const Json& container = spec["containers"][0];
  CHECK(container["image"] == "sluice.dev/sluice-gateway:0.1.0");
  CHECK(named(container["ports"], "ws")["containerPort"] == 8080);
  CHECK(named(container["ports"], "wss")["containerPort"] == 8443);
  CHECK(named(container["ports"], "admin")["containerPort"] == 9901);
  CHECK(named(container["ports"], "metrics")["containerPort"] == 9902);
  CHECK(named(container["env"], "SLUICE_POD_UID")["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.uid");
  CHECK(named(container["env"], "SLUICE_TERMINATION_GRACE_SECONDS")["value"] == "600");
  CHECK(named(container["env"], "SLUICE_ADMIN_KEYS_DIR")["value"] == "/etc/sluice/admin-keys");
  CHECK(named(container["volumeMounts"], "sluice-admin-keys")["readOnly"] == true);
  CHECK(named(spec["volumes"], "sluice-admin-keys")["configMap"]["name"] == "edge-admin-keys");
  CHECK(container["readinessProbe"]["httpGet"]["path"] == "/readyz");
  CHECK(container["securityContext"]["capabilities"]["drop"] == Json::array({"ALL"}));
  CHECK(container["securityContext"]["readOnlyRootFilesystem"] == true);
}

TEST_CASE("what the template says stays as it is") {
  const Json pod = pod_of(R"({
      "metadata":{"labels":{"app":"edge","sluice.dev/state":"gray"},
                  "annotations":{"a":"b","sluice.dev/drain":"{}",
                                 "cluster-autoscaler.kubernetes.io/safe-to-evict":"false"}},
      "spec":{"terminationGracePeriodSeconds":90,"nodeSelector":{"pool":"edge"},
              "securityContext":{"runAsUser":1000},
              "containers":[{"name":"sidecar","image":"s:1"},
                            {"name":"gateway","image":"own:2","args":["--config","/c.yaml"],
                             "ports":[{"name":"admin","containerPort":7000}],
                             "env":[{"name":"SLUICE_POD_UID","value":"x"}],
                             "readinessProbe":{"tcpSocket":{"port":8080}},
                             "securityContext":{"readOnlyRootFilesystem":false}}]}})",
                          "default:1");
  CHECK(pod["metadata"]["labels"]["app"] == "edge");
  CHECK(pod["metadata"]["labels"]["sluice.dev/state"] == "active");
  CHECK_FALSE(pod["metadata"]["annotations"].contains("sluice.dev/drain"));
  CHECK(pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false");
  CHECK(pod["spec"]["nodeSelector"]["pool"] == "edge");
  CHECK(pod["spec"]["securityContext"]["runAsUser"] == 1000);
  CHECK(pod["spec"]["securityContext"]["runAsNonRoot"] == true);
  REQUIRE(pod["spec"]["containers"].size() == 2);
  CHECK(pod["spec"]["containers"][0] == Json{{"name", "sidecar"}, {"image", "s:1"}});
  const Json& container = pod["spec"]["containers"][1];
  CHECK(container["image"] == "own:2");
  CHECK(container["args"].size() == 2);
  CHECK(named(container["ports"], "admin")["containerPort"] == 7000);
  CHECK(named(container["env"], "SLUICE_POD_UID")["value"] == "x");
  CHECK(named(container["env"], "SLUICE_TERMINATION_GRACE_SECONDS")["value"] == "90");
  CHECK(container["readinessProbe"] == Json{{"tcpSocket", {{"port", 8080}}}});
  CHECK(container["securityContext"]["readOnlyRootFilesystem"] == false);
  CHECK(container["securityContext"]["allowPrivilegeEscalation"] == false);
}

TEST_CASE("a template of wrong types is rendered without a fault; the API server judges it") {
  for (const char* pod_template :
       {R"({"spec":{"containers":7}})", R"({"spec":{"containers":[7]}})", R"({"spec":{"securityContext":"x"}})",
        R"({"spec":{"containers":[{"name":"gateway","ports":3,"env":{},"securityContext":1}]}})",
        R"({"spec":{"volumes":"none"}})", R"({"metadata":{"labels":[]}})"}) {
    CAPTURE(pod_template);
    CHECK(pod_of(pod_template, "i")["kind"] == "Pod");
  }
}

TEST_CASE("the Service takes in pods with traffic on") {
  const Json service = render_service(gateway_with("{}"));
  CHECK(service["metadata"]["name"] == "edge");
  CHECK(service["spec"]["selector"] == Json{{"sluice.dev/gateway", "edge"}, {"sluice.dev/traffic", "on"}});
  CHECK(named(service["spec"]["ports"], "ws")["port"] == 8080);
  CHECK(named(service["spec"]["ports"], "wss")["targetPort"] == "wss");
}

TEST_CASE("two PodDisruptionBudgets: one bounds evictions, one forbids them while draining") {
  const Json pdb = render_pdb(gateway_with("{}"));
  CHECK(pdb["metadata"]["name"] == "edge");
  CHECK(pdb["spec"]["minAvailable"] == 1);  // 2 replicas, and 25 % of them, rounded up, may go.
  CHECK_FALSE(pdb["spec"].contains("maxUnavailable"));
  CHECK(pdb["spec"]["selector"]["matchExpressions"][0]["values"] == Json::array({"active", "gray"}));
  const Json draining = render_draining_pdb(gateway_with("{}"));
  CHECK(draining["metadata"]["name"] == "edge-draining");
  CHECK(draining["spec"]["minAvailable"] == 2147483647);
  CHECK(draining["spec"]["selector"]["matchLabels"]["sluice.dev/state"] == "draining");
}

TEST_CASE("what must stay is counted from the replicas") {
  for (const auto& [replicas, unavailable, stay] : {std::tuple<int, Json, int>{10, 3, 7},
                                                    {10, "25%", 7},
                                                    {1, 1, 0},
                                                    {2, 5, 0},
                                                    {0, 1, 2147483647},
                                                    {4, "100%", 0}}) {
    CAPTURE(replicas);
    CAPTURE(unavailable);
    Json gateway = gateway_with("{}");
    gateway["spec"]["replicas"] = replicas;
    gateway["spec"]["disruption"]["maxUnavailable"] = unavailable;
    CHECK(render_pdb(gateway)["spec"]["minAvailable"] == stay);
  }
}

TEST_CASE("where none may be unavailable a pod too many lets no eviction through") {
  for (const Json& none : {Json(0), Json("0%")}) {
    CAPTURE(none);
    Json gateway = gateway_with("{}");
    gateway["spec"]["disruption"]["maxUnavailable"] = none;
    const Json pdb = render_pdb(gateway);
    CHECK(pdb["spec"]["minAvailable"] == 2147483647);
    CHECK_FALSE(pdb["spec"].contains("maxUnavailable"));
  }
}

TEST_CASE("the ConfigMap holds one file a public key") {
  const Json keys = render_keys(gateway_with("{}"), {{"aa11", "PEM1"}, {"bb22", "PEM2"}});
  CHECK(keys["metadata"]["name"] == "edge-admin-keys");
  CHECK(keys["data"] == Json{{"aa11.pem", "PEM1"}, {"bb22.pem", "PEM2"}});
}

TEST_CASE("covers sees drift and forgives what others add") {
  struct Row {
    const char* name;
    const char* live;
    const char* wanted;
    bool covered;
  };
  const Row rows[] = {
      {"the same", R"({"a":1})", R"({"a":1})", true},
      {"a defaulted field more", R"({"a":1,"b":2})", R"({"a":1})", true},
      {"a field missing", R"({"b":2})", R"({"a":1})", false},
      {"a field changed", R"({"a":2})", R"({"a":1})", false},
      {"a defaulted field in a list entry", R"({"a":[{"x":1,"y":2}]})", R"({"a":[{"x":1}]})", true},
      {"an entry more in a list", R"({"a":[1,2]})", R"({"a":[1]})", false},
      {"an object became text", R"({"a":"x"})", R"({"a":{}})", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(covers(Json::parse(row.live), Json::parse(row.wanted)) == row.covered);
  }
}

}  // namespace sluice::op
