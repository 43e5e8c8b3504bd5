#include "adapter/metric_answer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "adapter/metric_query.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

const WallTime kNow{std::chrono::seconds(1'700'000'000)};

VectorElement element(const char* part, const char* pod, double value) {
  return {pod, part, value};
}

// One object's value, measured just now.
std::vector<VectorElement> fresh(const char* name, double value) {
  return {element(kPartValue, name, value), element(kPartTime, name, 1'700'000'000)};
}

TEST_CASE("values are picked by name, with the time they were measured") {
  const std::vector<VectorElement> elements = {element("value", "a", 1.5),
                                               element("time", "a", 1'699'999'990),
                                               element("value", "old", 1),
                                               element("time", "old", 1'699'999'879),
                                               element("value", "nan", std::nan("")),
                                               element("time", "nan", 1'699'999'990),
                                               element("value", "stranger", 3),
                                               element("time", "only", 1'700'000'000)};
  const Selection selection =
      select_values(elements, {"a", "absent", "nan", "old", "only"}, kNow, std::chrono::minutes(2));
  REQUIRE(selection.values.size() == 1);
  CHECK(selection.values[0].name == "a");
  CHECK(selection.values[0].quantity == "1500m");
  CHECK(selection.values[0].time == kNow - std::chrono::seconds(10));
  CHECK(selection.too_old == 1);
  CHECK(selection.oldest == std::chrono::seconds(121));
  CHECK(selection.not_numbers == 1);
}

TEST_CASE("a value whose series has no sample within Prometheus' look-back is too old, not fresh") {
  const std::vector<VectorElement> elements = {element("value", "ended", 1), element("value", "odd", 1),
                                               element("time", "odd", std::nan("")), element("value", "beyond", 1),
                                               element("time", "beyond", 1e300)};
  const Selection selection = select_values(elements, {"beyond", "ended", "odd"}, kNow, std::chrono::hours(24));
  CHECK(selection.values.empty());
  CHECK(selection.too_old == 3);
  CHECK(selection.oldest == Duration(0));
}

class FakePrometheus final : public QueryApi {
 public:
  Result<std::vector<VectorElement>> query(const std::string& promql, const KeptLabels& labels) override {
    asked = promql;
    kept = labels.object + "," + labels.part;
    return answer;
  }
  std::string asked, kept;
  Result<std::vector<VectorElement>> answer = std::vector<VectorElement>{};
};

class FakeObjects final : public ObjectNames {
 public:
  Result<std::vector<std::string>> names(const ResourceKind& resource, std::string_view ns,
                                         const LabelSelector& selector) override {
    asked = resource.plural + " " + std::string(ns) + " " + selector.text();
    return answer;
  }
  Result<bool> has(const ResourceKind& resource, std::string_view ns, std::string_view name) override {
    asked = resource.plural + " " + std::string(ns) + "/" + std::string(name);
    return there;
  }
  std::string asked;
  Result<std::vector<std::string>> answer = std::vector<std::string>{"b", "a"};
  Result<bool> there = true;
};

ResourceMap resources() {
  ResourceMap map;
  map.add({"", "v1", "namespaces", "namespace", "Namespace", false});
  map.add({"", "v1", "pods", "pod", "Pod", true});
  map.add({"", "v1", "nodes", "node", "Node", false});
  map.add({"sluice.dev", "v1alpha1", "realtimegateways", "realtimegateway", "RealtimeGateway", true});
  return map;
}

std::unique_ptr<Catalog> catalog(const std::vector<RuleListing>& listings, ResourceMap map = resources()) {
  auto rules = parse_rules(R"(
rules:
- seriesQuery: m
  resources: {template: <<.Resource>>, overrides: {gw: {group: sluice.dev, resource: realtimegateway}}}
  metricsQuery: q(<<.Series>>{<<.LabelMatchers>>})
- seriesQuery: lonely
  resources: {overrides: {pod: {resource: pod}}}
  metricsQuery: q
)",
                           "r");
  REQUIRE_MESSAGE(rules.ok(), (rules.ok() ? "" : rules.error().message));
  return std::make_unique<Catalog>(std::make_shared<const std::vector<Rule>>(std::move(*rules)), std::move(map),
                                   listings);
}

const SeriesNames kSeries = {{"m", {"namespace", "pod", "node", "gw"}}};
const SeriesNames kLonely = {{"lonely", {"pod"}}};

struct Fixture {
  FakePrometheus prometheus;
  FakeObjects objects;
  ManualClock clock{kNow};
  MetricsRegistry metrics;
  MetricAnswerer answerer{prometheus, objects, clock, std::chrono::minutes(2), metrics};
  std::unique_ptr<Catalog> all = catalog({{kSeries, {}}, {kLonely, {}}});

  std::variant<std::string, ApiError> ask(const std::string& path, const std::string& query = "",
                                          const Catalog* from = nullptr) {
    const Route route = parse_route("/apis/custom.metrics.k8s.io/v1beta2/" + path);
    REQUIRE(route.kind == RouteKind::kMetric);
    return answerer.answer(from == nullptr ? *all : *from, route, query);
  }
  Json items(const std::string& path, const std::string& query = "") {
    const auto answer = ask(path, query);
    REQUIRE_MESSAGE(answer.index() == 0, (answer.index() == 0 ? "" : std::get<ApiError>(answer).message));
    return Json::parse(std::get<std::string>(answer))["items"];
  }
  ApiError error(const std::string& path, const std::string& query = "", const Catalog* from = nullptr) {
    const auto answer = ask(path, query, from);
    REQUIRE(answer.index() == 1);
    return std::get<ApiError>(answer);
  }
};

TEST_CASE("pods that a selector picks get their values") {
  Fixture f;
  f.prometheus.answer = std::vector<VectorElement>{element("value", "b", 2), element("time", "b", 1'699'999'999),
                                                   element("value", "a", 1), element("time", "a", 1'699'999'999)};
  const Json items = f.items("namespaces/shop/pods/*/m", "labelSelector=app%3Dedge&metricLabelSelector=verb%3DGET");
  CHECK(f.objects.asked == "pods shop app=edge");
  CHECK(f.prometheus.asked.find(R"(q(m{verb="GET",namespace="shop",pod=~"a|b"}))") != std::string::npos);
  REQUIRE(items.size() == 2);
  CHECK(items[0]["describedObject"]["name"] == "a");
  CHECK(items[0]["metric"]["selector"]["matchLabels"]["verb"] == "GET");
  CHECK(items[1]["value"] == "2");
}

TEST_CASE("one object is asked for by its name, whatever its kind") {
  Fixture f;
  f.prometheus.answer = fresh("edge", 10'000);
  const Json items = f.items("namespaces/shop/realtimegateways.sluice.dev/edge/m");
  CHECK(f.prometheus.asked.find(R"(m{namespace="shop",gw="edge"})") != std::string::npos);
  CHECK(f.prometheus.kept == "gw,sluice_part");
  REQUIRE(items.size() == 1);
  CHECK(
      items[0]["describedObject"] ==
      Json::parse(R"({"kind":"RealtimeGateway","namespace":"shop","name":"edge","apiVersion":"sluice.dev/v1alpha1"})"));
  CHECK(items[0]["value"] == "10000");

  f.prometheus.answer = fresh("n1", 3);
  CHECK(f.items("nodes/n1/m")[0]["describedObject"].contains("namespace") == false);
  CHECK(f.prometheus.asked.find(R"(m{node="n1"})") != std::string::npos);

  f.prometheus.answer = fresh("shop", 4);
  CHECK(f.items("namespaces/shop/metrics/m")[0]["describedObject"]["kind"] == "Namespace");
  CHECK(f.prometheus.asked.find(R"(m{namespace="shop"})") != std::string::npos);
}

TEST_CASE("what cannot be answered is an error that says why") {
  struct Row {
    const char* name;
    const char* path;
    const char* query;
    int code;
    const char* message;
  };
  const Row rows[] = {
      {"an unknown metric", "namespaces/shop/pods/*/none", "", 404,
       "the server could not find the metric none for pods"},
      {"an unknown metric of one object", "namespaces/shop/pods/a/none", "", 404,
       "the server could not find the metric none for pods"},
      {"an unknown resource", "namespaces/shop/things.foo/a/m", "", 404,
       "the server could not find the metric m for things.foo"},
      {"a pod without its namespace", "pods/a/m", "", 404, "the server could not find the metric m for pods"},
      {"a node in a namespace", "namespaces/shop/nodes/a/m", "", 404,
       "the server could not find the metric m for nodes"},
      {"no value for the object", "namespaces/shop/pods/a/m", "", 404,
       "the server could not find the metric m for pods a"},
      {"a name that no object can have", "namespaces/shop/pods/a'b/m", "", 404,
       "the server could not find the metric m for pods a'b"},
      {"a namespace that cannot be one", "namespaces/sh%22op/pods/*/m", "", 404,
       "the server could not find the metric m for pods"},
      {"a namespace that cannot be one, as the object", "namespaces/sh%60op/metrics/m", "", 404,
       "the server could not find the metric m for namespaces sh`op"},
      {"a selector that cannot be read", "namespaces/shop/pods/*/m", "labelSelector=a%20b", 400,
       "labelSelector: label selector: found 'b', expected: =, ==, !=, in, notin, > or <"},
      {"a metric selector with an order", "namespaces/shop/pods/*/m", "metricLabelSelector=a%3E1", 400,
       "metricLabelSelector: label selector: > and < are not supported here"},
      {"a metric selector that no series can have", "namespaces/shop/pods/*/m", "metricLabelSelector=a.b/c", 400,
       "metric label selector: \"a.b/c\" is no Prometheus label name"},
      {"a rule without a label for the namespace", "namespaces/shop/pods/a/lonely", "", 500,
       "rule 2: resources: no label stands for namespaces"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture f;
    const ApiError error = f.error(row.path, row.query);
    CHECK(error.code == row.code);
    CHECK(error.message == row.message);
  }
}

TEST_CASE("Prometheus' failures reach the user with their reason") {
  struct Row {
    const char* name;
    Error failure;
    int code;
    const char* message;
  };
  const Row rows[] = {{"down",
                       {ErrorCode::kUnavailable, "connection refused"},
                       503,
                       "unable to fetch the metric m for pods: connection refused"},
                      {"a bad rule",
                       {ErrorCode::kInvalid, "Prometheus answers bad_data: x"},
                       500,
                       "unable to fetch the metric m for pods (rule 1): Prometheus answers bad_data: x"},
                      {"not allowed",
                       {ErrorCode::kDenied, "Prometheus answers HTTP 401: "},
                       500,
                       "unable to fetch the metric m for pods (rule 1): Prometheus answers HTTP 401: "}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture f;
    f.prometheus.answer = row.failure;
    const ApiError error = f.error("namespaces/shop/pods/*/m");
    CHECK(error.code == row.code);
    CHECK(error.message == row.message);
  }
}

TEST_CASE("objects that cannot be listed, or of which there are none") {
  Fixture f;
  f.objects.answer = Error{ErrorCode::kUnavailable, "no answer"};
  CHECK(f.error("namespaces/shop/pods/*/m").code == 503);
  f.objects.answer = Error{ErrorCode::kDenied, "forbidden"};
  CHECK(f.error("namespaces/shop/pods/*/m").code == 500);
  f.objects.answer = std::vector<std::string>{};
  CHECK(f.error("namespaces/shop/pods/*/m").code == 404);
  CHECK(f.prometheus.asked.empty());
}

TEST_CASE("a pod that is asked for by name must be one that counts, as for a selector") {
  Fixture f;
  f.prometheus.answer = fresh("a", 1);
  CHECK(f.items("namespaces/shop/pods/a/m").size() == 1);
  CHECK(f.objects.asked == "pods shop/a");
  f.prometheus.asked.clear();
  f.objects.there = false;
  const ApiError gone = f.error("namespaces/shop/pods/a/m");
  CHECK(gone.code == 404);
  CHECK(gone.message == "the server could not find the metric m for pods a");
  f.objects.there = Error{ErrorCode::kUnavailable, "not filled yet"};
  CHECK(f.error("namespaces/shop/pods/a/m").code == 503);
  CHECK(f.prometheus.asked.empty());
}

TEST_CASE("old samples and odd numbers are not served") {
  Fixture f;
  f.prometheus.answer = std::vector<VectorElement>{element("value", "a", 1), element("time", "a", 1'699'999'800)};
  const ApiError old = f.error("namespaces/shop/pods/a/m");
  CHECK(old.code == 503);
  CHECK(old.message ==
        "the metric m for pods is too old: its newest sample is 3m20s old, and --metrics-max-age is 2m0s");
  f.prometheus.answer = std::vector<VectorElement>{element("value", "a", 1)};
  const ApiError ended = f.error("namespaces/shop/pods/a/m");
  CHECK(ended.code == 503);
  CHECK(ended.message == "the metric m for pods is too old: no sample within Prometheus' look-back");
  f.prometheus.answer = std::vector<VectorElement>{element("value", "a", std::nan("")), element("value", "b", 2),
                                                   element("time", "b", 1'700'000'000)};
  CHECK(f.items("namespaces/shop/pods/*/m").size() == 1);
  CHECK(f.error("namespaces/shop/pods/a/m").message ==
        "the server could not find the metric m for pods a: its value is not a number");
  f.prometheus.answer = std::vector<VectorElement>{};
  CHECK(f.items("namespaces/shop/pods/*/m").empty());
  CHECK(f.metrics.text().find("sluice_adapter_samples_left_out_total{reason=\"too_old\"} 2") != std::string::npos);
}

TEST_CASE("a metric of a rule that will be listed is unavailable, not unknown") {
  const std::string unknown = "the server could not find the metric m for pods";
  struct Row {
    const char* name;
    std::optional<Error> error;
    int code;
    std::string message;
  };
  const Row rows[] = {{"not asked yet", std::nullopt, 503,
                       unknown + ": not every rule's series are known: rule 1: its series are being listed"},
                      {"Prometheus is down", Error{ErrorCode::kUnavailable, "connection refused"}, 503,
                       unknown + ": not every rule's series are known: rule 1: connection refused"},
                      {"Prometheus refuses the seriesQuery", Error{ErrorCode::kInvalid, "bad_data"}, 404, unknown},
                      {"Prometheus refuses us", Error{ErrorCode::kDenied, "HTTP 401"}, 404, unknown}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Fixture f;
    const auto partly = catalog({{std::nullopt, row.error}, {kLonely, {}}});
    const ApiError error = f.error("namespaces/shop/pods/*/m", "", partly.get());
    CHECK(error.code == row.code);
    CHECK(error.message == row.message);
  }
}

TEST_CASE("a metric of a group that could not be read yet is unavailable, not unknown") {
  Fixture f;
  ResourceMap map = resources();
  map.add_unread("late.dev");
  const auto all = catalog({{kSeries, {}}, {kLonely, {}}}, std::move(map));
  const ApiError error = f.error("namespaces/shop/queues.late.dev/a/m", "", all.get());
  CHECK(error.code == 503);
  CHECK(
      error.message ==
      "the server could not find the metric m for queues.late.dev: the API server's resources of late.dev could not be "
      "read yet");
  CHECK(f.error("namespaces/shop/queues.other.dev/a/m", "", all.get()).code == 404);
}

TEST_CASE("only a metric of a known resource is worth a relist") {
  const auto all = catalog({{kSeries, {}}, {kLonely, {}}});
  const auto unknown = [&](const char* path) {
    return unknown_metric(*all,
                          parse_route(std::string("/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/") + path));
  };
  CHECK(unknown("pods/a/new") == MetricKey{{"", "pods"}, "new"});
  CHECK(unknown("realtimegateways.sluice.dev/edge/new") == MetricKey{{"sluice.dev", "realtimegateways"}, "new"});
  CHECK_FALSE(unknown("pods/a/m"));
  CHECK_FALSE(unknown("things.foo/a/m"));
}

}  // namespace
}  // namespace sluice::adapter
