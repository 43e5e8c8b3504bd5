#include "adapter/metric_request.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

std::string described(const Route& route) {
  switch (route.kind) {
    case RouteKind::kLive:
      return "live";
    case RouteKind::kReady:
      return "ready";
    case RouteKind::kServerVersion:
      return "version";
    case RouteKind::kServerMetrics:
      return "metrics";
    case RouteKind::kGroups:
      return "groups";
    case RouteKind::kGroup:
      return "group";
    case RouteKind::kResources:
      return "resources " + route.version;
    case RouteKind::kMetric:
      return route.version + " ns=" + route.ns + " " + route.resource + " " + route.name + " " + route.metric +
             (route.of_namespace ? " of namespace" : "") + (route.all() ? " all" : "");
    case RouteKind::kOpenApi:
      return "openapi";
    case RouteKind::kMalformed:
      return "malformed";
    case RouteKind::kUnknown:
      return "unknown";
  }
  return "";
}

TEST_CASE("paths are what the aggregator and the HPA ask for") {
  struct Row {
    const char* path;
    const char* route;
  };
  const Row rows[] = {
      {"/livez", "live"},
      {"/healthz", "live"},
      {"/readyz", "ready"},
      {"/readyz/ping", "ready"},
      {"/version", "version"},
      {"/metrics", "metrics"},
      {"/apis", "groups"},
      {"/apis/", "groups"},
      {"/apis/custom.metrics.k8s.io", "group"},
      {"/apis/custom.metrics.k8s.io/v1beta1", "resources v1beta1"},
      {"/apis/custom.metrics.k8s.io/v1beta2/", "resources v1beta2"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/m", "v1beta2 ns=shop pods * m all"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/%2A/m", "v1beta2 ns=shop pods * m all"},
      {"/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/a-1/m", "v1beta1 ns=shop pods a-1 m"},
      {"/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/realtimegateways.sluice.dev/edge/rtgw_connections",
       "v1beta1 ns=shop realtimegateways.sluice.dev edge rtgw_connections"},
      {"/apis/custom.metrics.k8s.io/v1beta2/nodes/n1/m", "v1beta2 ns= nodes n1 m"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/metrics/m", "v1beta2 ns= namespaces shop m of namespace"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/metrics/a/m", "v1beta2 ns=shop metrics a m"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop", "malformed"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/m", "malformed"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/a", "malformed"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods//m", "malformed"},
      {"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/a/m/more", "malformed"},
      {"/apis/custom.metrics.k8s.io/v1beta2/pods", "malformed"},
      {"/apis/custom.metrics.k8s.io/v1beta3", "unknown"},
      {"/apis/external.metrics.k8s.io/v1beta1", "unknown"},
      {"/openapi/v3", "openapi"},
      {"/openapi/v2", "openapi"},
      {"/", "unknown"},
      {"", "unknown"},
      {"/versions", "unknown"},
      {"/api", "unknown"}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.path));
    CHECK(described(parse_route(row.path)) == row.route);
  }
}

TEST_CASE("selectors are read out of the query") {
  const auto query =
      parse_metric_query("labelSelector=app%3Dedge%2Ctier+in+%28a%2Cb%29&pretty&metricLabelSelector=verb%3DGET&x=%zz&");
  REQUIRE(query.ok());
  CHECK(query->objects.text() == "app=edge,tier in (a,b)");
  CHECK(query->series.text() == "verb=GET");
  CHECK(parse_metric_query("")->objects.empty());
  CHECK(parse_metric_query("labelSelector=")->objects.empty());
  const auto first =
      parse_metric_query("labelSelector=a%3D1&labelSelector=a%3D2&metricLabelSelector=&labelSelector=a%20b");
  REQUIRE(first.ok());
  CHECK(first->objects.text() == "a=1");
  const auto bad = parse_metric_query("metricLabelSelector=a%20b");
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message.starts_with("metricLabelSelector: label selector: found 'b'"));
}

}  // namespace
}  // namespace sluice::adapter
