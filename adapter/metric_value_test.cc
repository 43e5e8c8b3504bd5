#include "adapter/metric_value.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

TEST_CASE("quantities are integers or thousandths") {
  struct Row {
    double value;
    const char* text;
  };
  const Row rows[] = {{0, "0"},
                      {-0.0, "0"},
                      {12, "12"},
                      {100.5, "100500m"},
                      {0.0004, "0"},
                      {0.0006, "1m"},
                      {1.0 / 3, "333m"},
                      {-1.5, "-1500m"},
                      {1e15, "1000000000000000"},
                      {1e21, "9200000000000000"},
                      {-1e300, "-9200000000000000"},
                      {std::numeric_limits<double>::denorm_min(), "0"}};
  for (const Row& row : rows) {
    CAPTURE(row.value);
    REQUIRE(format_quantity(row.value).has_value());
    CHECK(*format_quantity(row.value) == row.text);
  }
  CHECK_FALSE(format_quantity(std::nan("")).has_value());
  CHECK_FALSE(format_quantity(std::numeric_limits<double>::infinity()).has_value());
  CHECK_FALSE(format_quantity(-std::numeric_limits<double>::infinity()).has_value());
}

TEST_CASE("a list has the shape of its version") {
  const ResourceKind gateways{"sluice.dev", "v1alpha1", "realtimegateways", "realtimegateway", "RealtimeGateway", true};
  const std::vector<MetricValue> values{{"edge", "1500", WallTime(std::chrono::seconds(1'700'000'000))}};
  CHECK(Json::parse(render_metric_list("v1beta2", gateways, "shop", "rtgw_connections", nullptr, values)) ==
        Json::parse(R"({
    "kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[{
      "describedObject":{"kind":"RealtimeGateway","namespace":"shop","name":"edge","apiVersion":"sluice.dev/v1alpha1"},
      "metric":{"name":"rtgw_connections","selector":null},"timestamp":"2023-11-14T22:13:20Z","value":"1500"}]})"));
  const ResourceKind nodes{"", "v1", "nodes", "node", "Node", false};
  const Json selector{{"matchLabels", {{"a", "b"}}}};
  CHECK(Json::parse(render_metric_list("v1beta1", nodes, "", "m", selector, values)) == Json::parse(R"({
    "kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","metadata":{},"items":[{
      "describedObject":{"kind":"Node","name":"edge","apiVersion":"/v1"},"metricName":"m",
      "selector":{"matchLabels":{"a":"b"}},"timestamp":"2023-11-14T22:13:20Z","value":"1500"}]})"));
  CHECK(Json::parse(render_metric_list("v1beta2", nodes, "", "m", nullptr, {}))["items"] == Json::array());
  const std::vector<MetricValue> odd{{"a", "1", {}}, {"\xff\"", "2", {}}};
  CHECK(Json::parse(render_metric_list("v1beta2", nodes, "", "m", nullptr, odd))["items"].size() == 2);
}

}  // namespace
}  // namespace sluice::adapter
