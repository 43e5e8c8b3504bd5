// What a request's path and query ask for. Source: k8s.io/metrics custom_metrics, k8s.io/apiserver RequestInfo.
#pragma once

#include <string>
#include <string_view>

#include "adapter/label_selector.h"
#include "adapter/rules.h"
#include "common/base/result.h"

namespace sluice::adapter {

inline constexpr const char* kApiGroup = "custom.metrics.k8s.io";
inline constexpr const char* kVersions[] = {"v1beta2", "v1beta1"};  ///< The preferred one first.

enum class RouteKind {
  kLive,
  kReady,
  kServerVersion,
  kServerMetrics,
  kGroups,     ///< /apis
  kGroup,      ///< /apis/custom.metrics.k8s.io
  kResources,  ///< /apis/custom.metrics.k8s.io/v1beta2
  kMetric,     ///< a metric of objects
  kOpenApi,    ///< not served: a plain 404 makes the aggregator skip us quietly, anything else makes it retry
  kMalformed,  ///< below a version, but no path of the API
  kUnknown,
};

struct Route {
  RouteKind kind = RouteKind::kUnknown;
  std::string version;        ///< kResources, kMetric.
  std::string ns;             ///< kMetric; empty for objects without a namespace.
  std::string resource;       ///< kMetric, as it stands in the path: "pods", "realtimegateways.sluice.dev".
  std::string name;           ///< kMetric; "*" for all that the selector picks.
  std::string metric;         ///< kMetric.
  bool of_namespace = false;  ///< /namespaces/NAME/metrics/METRIC: the object is the namespace `name`.

  [[nodiscard]] bool all() const { return name == "*"; }
};

/// `path` is still percent-encoded, without the query.
Route parse_route(std::string_view path);

struct MetricQuery {
  LabelSelector objects;  ///< labelSelector: which objects.
  LabelSelector series;   ///< metricLabelSelector: which series of them.
};

/// Unknown parameters are tolerated, as every API server does; of repeated ones the first counts, as Go's
/// url.Values.Get() has it. Errors: kInvalid (a selector cannot be read).
Result<MetricQuery> parse_metric_query(std::string_view query);

}  // namespace sluice::adapter
