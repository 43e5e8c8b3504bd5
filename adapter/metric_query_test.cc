#include "adapter/metric_query.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

Rule rule_with(const std::string& query) {
  auto rules = parse_rules(
      "rules:\n- seriesQuery: x\n  resources: {template: <<.Resource>>}\n  metricsQuery: '" + query + "'", "r");
  REQUIRE_MESSAGE(rules.ok(), (rules.ok() ? "" : rules.error().message));
  return (*rules)[0];
}

QueryTarget pods(std::vector<std::string> names) {
  return {"requests_total", "pod", "namespace", "shop", std::move(names)};
}

TEST_CASE("a rule's query is what prometheus-adapter would send") {
  struct Row {
    const char* name;
    const char* query;
    QueryTarget target;
    const char* selector;
    const char* expected;
  };
  const Row rows[] = {
      {"one pod", "sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)", pods({"a"}), "",
       R"(sum(rate(requests_total{namespace="shop",pod="a"}[2m])) by (pod))"},
      {"several pods", "<<.Series>>{<<.LabelMatchers>>}", pods({"a-1", "b.2"}), "",
       R"(requests_total{namespace="shop",pod=~"a-1|b\\.2"})"},
      {"an object without a namespace", "<<.LabelMatchers>>", {"x", "node", "", "", {"n1"}}, "", R"(node="n1")"},
      {"a metric selector comes first", "<<.LabelMatchers>>", pods({"a"}), "verb=get,code in (200,204),!x,y",
       R"(code=~"200|204",verb="get",x="",y!="",namespace="shop",pod="a")"},
      {"negations", "<<.LabelMatchers>>", pods({"a"}), "verb!=get,code notin (2.0,204)",
       R"(code!~"2\\.0|204",verb!="get",namespace="shop",pod="a")"},
      {"values by name",
       R"(x{job="<<index .LabelValuesByName "job">>",ns="<<.LabelValuesByName.namespace>>",pod=~"<<index .LabelValuesByName "pod">>"})",
       pods({"a", "b.c"}), "job=shop", R"(x{job="shop",ns="shop",pod=~"a|b\\.c"})"},
      {"one value alone is no regular expression", R"(x{pod="<<index .LabelValuesByName "pod">>"})", pods({"b.c"}), "",
       R"(x{pod="b.c"})"},
      {"the slice", "<<.GroupBySlice>>", pods({"a"}), "", "[pod]"},
      {"a name cannot leave its quotes", R"(x{<<.LabelMatchers>>,p="<<index .LabelValuesByName "pod">>"})",
       pods({"a\"} or vector(1) #\\"}), "",
       R"(x{namespace="shop",pod="a\"} or vector(1) #\\",p="a\"} or vector(1) #\\"})"},
      {"nor quotes of the rule's own", "x{p=''<<index .LabelValuesByName \"pod\">>'',q=`<<.LabelValuesByName.pod>>`}",
       pods({"a'} or vector(1) #`"}), "", R"(x{p='a\x27} or vector(1) #\x60',q=`a\x27} or vector(1) #\x60`})"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto selector = LabelSelector::parse(row.selector);
    REQUIRE(selector.ok());
    const auto query = build_value_query(rule_with(row.query), row.target, *selector);
    REQUIRE_MESSAGE(query.ok(), (query.ok() ? "" : query.error().message));
    CHECK(*query == row.expected);
  }
}

TEST_CASE("a query that cannot be made is an error") {
  struct Row {
    const char* query;
    const char* selector;
    ErrorCode code;
    const char* said;
  };
  const Row rows[] = {
      {"<<.Series>>", "a>1", ErrorCode::kInvalid, "> and <"},
      {"<<.Series>>", "sluice.dev/gateway=edge", ErrorCode::kInvalid, "is no Prometheus label name"},
      {"<<index .LabelValuesByName \"none\">>", "", ErrorCode::kInternal, "rule 1: metricsQuery: makes an empty query"},
      {"<<index .GroupBySlice 3>>", "", ErrorCode::kInternal,
       "rule 1: metricsQuery: <<index .GroupBySlice 3>> has no value"}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.said));
    const auto query = build_query(rule_with(row.query), pods({"a"}), *LabelSelector::parse(row.selector));
    REQUIRE_FALSE(query.ok());
    CHECK(query.error().code == row.code);
    CHECK(query.error().message.find(row.said) != std::string::npos);
  }
}

TEST_CASE("the query as sent asks for the values and their times") {
  const auto query = build_query(rule_with("sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"), pods({"a"}), {});
  REQUIRE(query.ok());
  CHECK(*query ==
        "label_replace((\nsum(requests_total{namespace=\"shop\",pod=\"a\"}) by (pod)\n), \"sluice_part\", \"value\", "
        "\"\", \"\")"
        " or label_replace((\nmax by (pod) (timestamp({__name__=\"requests_total\",namespace=\"shop\",pod=\"a\"}))\n), "
        "\"sluice_part\", \"time\", \"\", \"\")");
}

TEST_CASE("a series' name may be any text: in the query for its times it stands between quotes") {
  QueryTarget target = pods({"a"});
  target.series = "http.requests\"é";
  const auto query = build_query(rule_with("{\"<<.Series>>\"}"), target, {});
  REQUIRE(query.ok());
  CHECK(query->find(R"(timestamp({__name__="http.requests\"é",namespace="shop",pod="a"}))") != std::string::npos);
}

}  // namespace
}  // namespace sluice::adapter
