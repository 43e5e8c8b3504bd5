#include "operator/node_view.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"
#include "operator/slim_test.h"

namespace sluice::op {

using kube::Json;

namespace {

Json node(const char* spec) {
  Json json = Json::parse(R"({"apiVersion":"v1","kind":"Node",
    "metadata":{"name":"n1","uid":"u","resourceVersion":"5","labels":{"topology.kubernetes.io/zone":"z1","x":"y"}},
    "status":{"images":[{"names":["a"]}],"conditions":[{"type":"MemoryPressure","status":"False"},
                                                       {"type":"Ready","status":"True","lastHeartbeatTime":"t"}]}})");
  json["spec"] = Json::parse(spec);
  return json;
}

}  // namespace

TEST_CASE("a node goes where it is cordoned or an autoscaler has marked it") {
  struct Row {
    const char* name;
    const char* spec;
    bool going;
    const char* since;
  };
  const Row rows[] = {
      {"in use", R"({})", false, ""},
      {"a taint of somebody else", R"({"taints":[{"key":"dedicated","value":"1700000000","effect":"NoSchedule"}]})",
       false, ""},
      {"cordoned", R"({"unschedulable":true})", true, ""},
      {"cordoned, and the node controller has said when",
       R"({"unschedulable":true,"taints":[{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule","timeAdded":"2026-11-23T10:00:00Z"}]})",
       true, "2026-11-23T10:00:00Z"},
      {"about to be removed",
       R"({"taints":[{"key":"ToBeDeletedByClusterAutoscaler","value":"1795435200","effect":"NoSchedule"}]})", true,
       "2026-11-23T12:00:00Z"},
      {"a candidate, then about to be removed: the newer mark counts",
       R"({"taints":[{"key":"DeletionCandidateOfClusterAutoscaler","value":"1795435140","effect":"PreferNoSchedule"},
                     {"key":"ToBeDeletedByClusterAutoscaler","value":"1795435200","effect":"NoSchedule"}]})",
       true, "2026-11-23T12:00:00Z"},
      {"a mark without a time", R"({"taints":[{"key":"karpenter.sh/disrupted","effect":"NoSchedule"}]})", true, ""},
      {"a value that is no time", R"({"taints":[{"key":"ToBeDeletedByClusterAutoscaler","value":"soon"}]})", true, ""},
      {"a value beyond any time", R"({"taints":[{"key":"ToBeDeletedByClusterAutoscaler","value":"99999999999999"}]})",
       true, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json json = node(row.spec);
    const NodeView view = view_node(json);
    CHECK(view.going == row.going);
    CHECK((view.going_since ? format_rfc3339(*view.going_since) : "") == row.since);
    CHECK(view.domain == "z1");
    CHECK(view.ready);
  }
}

TEST_CASE("a heartbeat is no change of what is read of a node") {
  const Json before = node("{}");
  Json after = before;
  after["metadata"]["resourceVersion"] = "6";
  after["status"]["conditions"][1]["lastHeartbeatTime"] = "later";
  CHECK(view_node(before) == view_node(after));
  for (Json& condition : after["status"]["conditions"]) {
    if (condition["type"] == "Ready") condition["status"] = "Unknown";
  }
  CHECK_FALSE(view_node(before) == view_node(after));
}

TEST_CASE("nothing that a node's view is made of is left out of the fields that are read") {
  for (const char* spec : {R"({"unschedulable":true,"podCIDR":"10.0.0.0/24"})",
                           R"({"taints":[{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule",
                                          "timeAdded":"2026-11-26T10:00:00Z"}]})",
                           R"({"taints":[{"key":"ToBeDeletedByClusterAutoscaler","value":"1764100000"}]})"}) {
    CAPTURE(spec);
    const NodeView view = view_node(node(spec));
    CHECK(view_node(slimmed(node(spec), kSlimNode)) == view);
    CHECK(view.going);
    CHECK(view.ready);
    CHECK(view.domain == "z1");
  }
}

}  // namespace sluice::op
