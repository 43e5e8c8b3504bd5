#include "adapter/rules.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

constexpr const char* kRest = R"(
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
)";

TEST_CASE("prometheus-adapter's sample rules are read") {
  const auto rules = parse_rules(R"yaml(
rules:
- seriesQuery: '{__name__=~"^container_.*",container!="POD",namespace!="",pod!=""}'
  resources:
    overrides:
      namespace: {resource: "namespace"}
      pod: {resource: "pod"}
  name: {matches: "^container_(.*)_seconds_total$"}
  metricsQuery: "sum(rate(<<.Series>>{<<.LabelMatchers>>,container!=\"POD\"}[2m])) by (<<.GroupBy>>)"
- seriesQuery: '{namespace!="",__name__!="^container_.*"}'
  seriesFilters:
  - isNot: "^container_.*_seconds_total$"
  - is: ".*"
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  resources:
    template: "kube_<<.Group>>_<<.Resource>>"
    overrides: {
  brand : {
  group:
    "cheese.io", resource : "brand"
  }}
    namespaced: false
  metricsQuery: 'count(cheddar{sharp="true"})'
externalRules: []
)yaml",
                                 "rules.yaml");
  REQUIRE_MESSAGE(rules.ok(), (rules.ok() ? "" : rules.error().message));
  REQUIRE(rules->size() == 2);
  const Rule& first = (*rules)[0];
  CHECK(first.number == 1);
  CHECK(first.overrides.at("pod") == GroupResource{"", "pod"});
  CHECK(first.name_as == "$1");
  CHECK(first.namespaced);
  CHECK(first.wants_series("container_cpu_usage_seconds_total"));
  CHECK_FALSE(first.wants_series("container_memory_bytes"));
  std::string name;
  REQUIRE(first.metric_name("container_cpu_usage_seconds_total", name));
  CHECK(name == "cpu_usage");

  const Rule& second = (*rules)[1];
  CHECK_FALSE(second.namespaced);
  CHECK(second.overrides.at("brand").text() == "brand.cheese.io");
  CHECK(second.wants_series("http_requests_total"));
  CHECK_FALSE(second.wants_series("container_cpu_seconds_total"));
  CHECK_FALSE(second.wants_series("http_in_flight"));
  REQUIRE(second.metric_name("http_requests_total", name));
  CHECK(name == "http_requests_per_second");
  std::string resource;
  REQUIRE(second.label_pattern->expand("kube_apps_deployment", "${group}/${resource}", resource));
  CHECK(resource == "apps/deployment");
}

TEST_CASE("a name that cannot be part of a path is none") {
  const auto rules = parse_rules(std::string("rules:\n- seriesQuery: x\n  name: {as: \"a/$0\"}") + kRest, "r");
  REQUIRE(rules.ok());
  std::string name;
  CHECK_FALSE((*rules)[0].metric_name("x", name));
}

TEST_CASE("a broken rule file is one line that names file, line, rule and field") {
  struct Row {
    const char* name;
    std::string text;
    const char* error;
  };
  const std::string good = std::string("- seriesQuery: x") + kRest;
  const Row rows[] = {
      {"no YAML", "rules: [", "f.yaml:"},
      {"a list instead of a map", "- a", "f.yaml:1: must be a map with the field rules"},
      {"empty", "", "f.yaml:1: must be a map with the field rules"},
      {"no rules", "rules: []", "f.yaml:1: rules: at least one rule is needed"},
      {"rules is no list", "rules: {a: b}", "f.yaml:1: rules: must be a list"},
      {"an unknown section", "rule: []", "f.yaml:1: rule: unknown field (known: rules)"},
      {"external rules", "rules:\n" + good + "externalRules:\n- seriesQuery: x\n",
       "externalRules: this version serves custom metrics only; remove the section"},
      {"a rule that is no map", "rules:\n- hello", "f.yaml:2: rule 1: rule: must be a map of fields"},
      {"an unknown field", "rules:\n" + good + "- seriesQuery: y\n  sereisFilters: []" + kRest,
       "f.yaml:6: rule 2: sereisFilters: unknown field (known: seriesQuery, seriesFilters"},
      {"no seriesQuery", std::string("rules:\n- name: {as: x}") + kRest, "rule 1: seriesQuery: is missing"},
      {"no metricsQuery", "rules:\n- seriesQuery: x\n  resources: {template: <<.Resource>>}",
       "rule 1: metricsQuery: is missing"},
      {"no resources", "rules:\n- seriesQuery: x\n  metricsQuery: y",
       "rule 1: resources: needs a template or overrides"},
      {"a wrong type", "rules:\n- seriesQuery: [x]", "f.yaml:2: rule 1: seriesQuery: must be a single value"},
      {"a bad filter", std::string("rules:\n- seriesQuery: x\n  seriesFilters:\n  - is: \"(\"") + kRest,
       "f.yaml:4: rule 1: seriesFilters.is: is no regular expression: \"(\""},
      {"a filter with both", std::string("rules:\n- seriesQuery: x\n  seriesFilters: [{is: a, isNot: b}]") + kRest,
       "f.yaml:3: rule 1: seriesFilters: each filter has either is or isNot"},
      {"a filter with neither", std::string("rules:\n- seriesQuery: x\n  seriesFilters: [{}]") + kRest,
       "rule 1: seriesFilters: each filter has either is or isNot"},
      {"a filter of another kind", std::string("rules:\n- seriesQuery: x\n  seriesFilters: [{was: b}]") + kRest,
       "f.yaml:3: rule 1: seriesFilters.was: unknown field (known: is, isNot)"},
      {"a bad name", std::string("rules:\n- seriesQuery: x\n  name: {matches: \"(a)(b)\"}") + kRest,
       "f.yaml:3: rule 1: name.as: is missing, and name.matches has 2 groups"},
      {"a template without resource", "rules:\n- seriesQuery: x\n  metricsQuery: y\n  resources: {template: a}",
       "f.yaml:4: rule 1: resources.template: must contain <<.Resource>>"},
      {"a template with an action that is not supported",
       "rules:\n- seriesQuery: x\n  resources: {template: <<.Resource>>}\n  metricsQuery: <<range "
       ".GroupBySlice>>a<<end>>",
       "f.yaml:4: rule 1: metricsQuery: <<range .GroupBySlice>> is not supported"},
      {"an override of no label name",
       "rules:\n- seriesQuery: x\n  metricsQuery: y\n  resources: {overrides: {a-b: {resource: pod}}}",
       "f.yaml:4: rule 1: resources.overrides.a-b: is no label name"},
      {"an override without resource",
       "rules:\n- seriesQuery: x\n  metricsQuery: y\n  resources: {overrides: {a: {group: pod}}}",
       "f.yaml:4: rule 1: resources.overrides.a: needs a resource"},
      {"namespaced is no boolean",
       "rules:\n- seriesQuery: x\n  metricsQuery: y\n  resources: {template: <<.Resource>>, namespaced: maybe}",
       "f.yaml:4: rule 1: resources.namespaced: \"maybe\" is neither true nor false"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto rules = parse_rules(row.text, "f.yaml");
    REQUIRE_FALSE(rules.ok());
    CAPTURE(rules.error().message);
    CHECK(rules.error().code == ErrorCode::kInvalid);
    CHECK(rules.error().message.find(row.error) != std::string::npos);
    CHECK(rules.error().message.find('\n') == std::string::npos);
  }
  const auto absent = load_rules("no-such-file.yaml");
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a group resource is its own inverse") {
  CHECK(GroupResource::parse("pods") == GroupResource{"", "pods"});
  CHECK(GroupResource::parse("realtimegateways.sluice.dev") == GroupResource{"sluice.dev", "realtimegateways"});
  CHECK(GroupResource::parse("realtimegateways.sluice.dev").text() == "realtimegateways.sluice.dev");
}

}  // namespace
}  // namespace sluice::adapter
