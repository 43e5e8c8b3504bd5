#include "adapter/resource_map.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

const ResourceMap kMap = [] {
  ResourceMap map;
  map.add({"", "v1", "pods", "pod", "Pod", true});
  map.add({"", "v1", "nodes", "node", "Node", false});
  map.add({"", "v1", "events", "event", "Event", true});
  map.add({"apps", "v1", "deployments", "deployment", "Deployment", true});
  map.add({"events.k8s.io", "v1", "events", "event", "Event", true});
  map.add({"metrics.k8s.io", "v1beta1", "pods", "", "PodMetrics", true});
  map.add({"sluice.dev", "v1alpha1", "realtimegateways", "realtimegateway", "RealtimeGateway", true});
  map.add({"apps", "v1beta9", "deployments", "deployment", "OldDeployment", true});
  return map;
}();

TEST_CASE("a resource is found by each of its names") {
  struct Row {
    const char* name;
    GroupResource wanted;
    const char* found;  // group/version/kind, or empty
  };
  const Row rows[] = {
      {"plural", {"", "pods"}, "/v1/Pod"},
      {"singular", {"", "pod"}, "/v1/Pod"},
      {"kind in lower case", {"metrics.k8s.io", "podmetrics"}, "metrics.k8s.io/v1beta1/PodMetrics"},
      {"core before the others", {"", "events"}, "/v1/Event"},
      {"the group asked for", {"events.k8s.io", "events"}, "events.k8s.io/v1/Event"},
      {"no group: any", {"", "deployments"}, "apps/v1/Deployment"},
      {"the preferred version stays", {"apps", "deployment"}, "apps/v1/Deployment"},
      {"a group as labels write it", {"sluice_dev", "realtimegateway"}, "sluice.dev/v1alpha1/RealtimeGateway"},
      {"a group's beginning", {"events", "event"}, "events.k8s.io/v1/Event"},
      {"another group", {"batch", "pods"}, ""},
      {"no such resource", {"", "job"}, ""}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const ResourceKind* found = kMap.find(row.wanted);
    CHECK((found == nullptr ? "" : found->group + "/" + found->version + "/" + found->kind) == row.found);
  }
}

TEST_CASE("the API server's lists are read, whatever else is in them") {
  const auto resources = read_resource_list(Json::parse(R"({"groupVersion":"sluice.dev/v1alpha1","resources":[
    {"name":"realtimegateways","singularName":"realtimegateway","namespaced":true,"kind":"RealtimeGateway"},
    {"name":"realtimegateways/status","namespaced":true,"kind":"RealtimeGateway"},
    {"name":"things","kind":"Thing"}, {"kind":"Nameless"}, 3]})"));
  REQUIRE(resources.size() == 2);
  CHECK(resources[0].group == "sluice.dev");
  CHECK(resources[0].version == "v1alpha1");
  CHECK(resources[0].namespaced);
  CHECK(resources[1].singular == "thing");
  CHECK_FALSE(resources[1].namespaced);
  CHECK(read_resource_list(Json::parse(R"({"groupVersion":"v1","resources":[{"name":"pods","kind":"Pod"}]})"))[0]
            .group.empty());

  const auto groups = read_group_list(Json::parse(R"({"groups":[
    {"name":"autoscaling","preferredVersion":{"version":"v2"},"versions":[{"version":"v1"},{"version":"v2"}]},
    {"name":"apps","versions":[{"version":"v1"}]}, "x"]})"));
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].version == "v2");
  CHECK(groups[1].version == "v1");
  CHECK(groups[2].group == "apps");
  for (const char* odd : {"null", "[]", "{}", R"({"groups":3,"resources":3})"}) {
    CHECK(read_group_list(Json::parse(odd)).empty());
    CHECK(read_resource_list(Json::parse(odd)).empty());
  }
}

}  // namespace
}  // namespace sluice::adapter
