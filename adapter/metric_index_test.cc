#include "adapter/metric_index.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

const ResourceMap kMap = [] {
  ResourceMap map;
  map.add({"", "v1", "namespaces", "namespace", "Namespace", false});
  map.add({"", "v1", "pods", "pod", "Pod", true});
  map.add({"sluice.dev", "v1alpha1", "realtimegateways", "realtimegateway", "RealtimeGateway", true});
  return map;
}();

std::vector<Rule> rules(const std::string& text) {
  auto parsed = parse_rules(text, "r");
  REQUIRE_MESSAGE(parsed.ok(), (parsed.ok() ? "" : parsed.error().message));
  return std::move(*parsed);
}

MetricIndex index_of(const std::vector<Rule>& rules, const std::vector<std::optional<SeriesNames>>& listed,
                     const ResourceMap& map = kMap) {
  std::vector<ResourceLabels> labels;
  labels.reserve(rules.size());
  for (const Rule& rule : rules) labels.emplace_back(rule, map);
  return build_index(rules, listed, labels);
}

std::string listing(const MetricIndex& index) {
  std::string out;
  for (const auto& [key, source] : index) {
    out += key.resource.text() + "/" + key.metric + "=" + std::to_string(source.rule) + ":" + source.series +
           (source.namespaced ? "\n" : " root\n");
  }
  return out;
}

TEST_CASE("series become metrics of the resources that their labels name") {
  const auto two = rules(R"(
rules:
- seriesQuery: '{namespace!=""}'
  seriesFilters: [{isNot: "^go_"}]
  name: {matches: "^(.*)_total$", as: "$1"}
  resources: {template: <<.Resource>>}
  metricsQuery: x
- seriesQuery: rtgw_connections
  resources: {overrides: {namespace: {resource: namespace}, gw: {group: sluice.dev, resource: realtimegateway}}}
  metricsQuery: x
)");
  const SeriesNames first = {{"http_requests_total", {"namespace", "pod", "job"}},
                             {"go_gc_total", {"namespace", "pod"}},
                             {"up", {"namespace"}},
                             {"a/b_total", {"pod"}}};
  const SeriesNames second = {{"rtgw_connections", {"namespace", "gw", "pod"}}};
  CHECK(listing(index_of(two, {first, second})) ==
        "namespaces/http_requests=0:http_requests_total root\n"
        "namespaces/rtgw_connections=1:rtgw_connections root\n"
        "pods/http_requests=0:http_requests_total\n"
        "realtimegateways.sluice.dev/rtgw_connections=1:rtgw_connections\n");
  CHECK(listing(index_of(two, {std::nullopt, second})) ==
        "namespaces/rtgw_connections=1:rtgw_connections root\n"
        "realtimegateways.sluice.dev/rtgw_connections=1:rtgw_connections\n");
  CHECK(index_of(two, {std::nullopt, std::nullopt}).empty());
  CHECK(index_of(two, {first, second}, {}).empty());
}

TEST_CASE("of two series with one metric name the later rule's counts") {
  const auto two = rules(R"(
rules:
- {seriesQuery: a, name: {as: m}, metricsQuery: x, resources: {template: <<.Resource>>}}
- {seriesQuery: b, name: {as: m}, metricsQuery: x, resources: {template: <<.Resource>>}}
)");
  const SeriesNames a = {{"a1", {"pod"}}, {"a2", {"pod"}}};
  CHECK(listing(index_of(two, {a, SeriesNames{{"b", {"pod"}}}})) == "pods/m=1:b\n");
  CHECK(listing(index_of(two, {a, SeriesNames{}})) == "pods/m=0:a2\n");
}

}  // namespace
}  // namespace sluice::adapter
