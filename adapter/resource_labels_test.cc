#include "adapter/resource_labels.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

const ResourceMap kMap = [] {
  ResourceMap map;
  map.add({"", "v1", "namespaces", "namespace", "Namespace", false});
  map.add({"", "v1", "pods", "pod", "Pod", true});
  map.add({"apps", "v1", "deployments", "deployment", "Deployment", true});
  map.add({"sluice.dev", "v1alpha1", "realtimegateways", "realtimegateway", "RealtimeGateway", true});
  return map;
}();

Rule rule_with(const std::string& resources) {
  auto rules = parse_rules("rules:\n- seriesQuery: x\n  metricsQuery: y\n  resources: " + resources, "r");
  REQUIRE_MESSAGE(rules.ok(), (rules.ok() ? "" : rules.error().message));
  return (*rules)[0];
}

TEST_CASE("labels and resources are converted both ways") {
  struct Row {
    const char* name;
    const char* resources;
    const char* label;
    const char* resource;  // empty: the label stands for none
    const char* label_again;
  };
  const Row rows[] = {
      {"an override, singular", "{overrides: {pod_name: {resource: pod}}}", "pod_name", "pods", "pod_name"},
      {"another label", "{overrides: {pod_name: {resource: pod}}}", "pod", "", ""},
      {"a group", "{overrides: {gw: {group: sluice.dev, resource: realtimegateways}}}", "gw",
       "realtimegateways.sluice.dev", "gw"},
      {"a template", "{template: <<.Resource>>}", "pod", "pods", "pod"},
      {"a template with a group", "{template: \"kube_<<.Group>>_<<.Resource>>\"}", "kube_apps_deployment",
       "deployments.apps", "kube_apps_deployment"},
      {"a group with a dot", "{template: \"kube_<<.Group>>_<<.Resource>>\"}", "kube_sluice_dev_realtimegateway",
       "realtimegateways.sluice.dev", "kube_sluice_dev_realtimegateway"},
      {"a template read backwards: the plural", "{template: <<.Resource>>}", "pods", "pods", "pod"},
      {"a label that is no resource", "{template: <<.Resource>>}", "job", "", ""},
      {"the override goes before the template", "{template: <<.Resource>>, overrides: {a: {resource: pods}}}", "pod",
       "pods", "a"},
      {"of two overrides the first", "{overrides: {b: {resource: pods}, a: {resource: pods}}}", "b", "pods", "a"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Rule rule = rule_with(row.resources);
    const ResourceLabels labels(rule, kMap);
    const ResourceKind* found = labels.resource_of(row.label);
    CHECK((found == nullptr ? "" : found->group_resource().text()) == row.resource);
    if (found == nullptr) continue;
    const auto label = labels.label_of(*found);
    REQUIRE(label.ok());
    CHECK(*label == row.label_again);
  }
}

TEST_CASE("a resource without a label is an error that names the rule") {
  const ResourceKind* namespaces = kMap.find({"", "namespaces"});
  const Rule overrides = rule_with("{overrides: {pod: {resource: pod}}}");
  const auto none = ResourceLabels(overrides, kMap).label_of(*namespaces);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().message == "rule 1: resources: no label stands for namespaces");
  const Rule dashed = rule_with("{template: \"a-<<.Resource>>\"}");
  const auto bad = ResourceLabels(dashed, kMap).label_of(*namespaces);
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message.find("\"a-namespace\" is no label name") != std::string::npos);
}

TEST_CASE("overrides of resources that are not served are named") {
  const Rule rule = rule_with("{overrides: {pod: {resource: pod}, q: {group: foo.dev, resource: queue}}}");
  CHECK(ResourceLabels(rule, kMap).unknown_overrides() == std::vector<std::string>{"queue.foo.dev"});
}

}  // namespace
}  // namespace sluice::adapter
