// From a request to its answer: which objects, which query, which values. The way of a metric is
//   route -> rule and series (catalog) -> names of the objects -> query -> Prometheus -> values -> MetricValueList
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "adapter/api_error.h"
#include "adapter/catalog.h"
#include "adapter/metric_request.h"
#include "adapter/metric_value.h"
#include "adapter/prometheus_answer.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"

namespace sluice::adapter {

/// Where instant queries go. Threads: any; blocks.
class QueryApi {
 public:
  virtual ~QueryApi() = default;
  /// Errors as read_vector() has them, and kUnavailable where nobody answers.
  virtual Result<std::vector<VectorElement>> query(const std::string& promql, const KeptLabels& labels) = 0;
};

/// Which objects a selector picks. Threads: any; may block.
class ObjectNames {
 public:
  virtual ~ObjectNames() = default;
  /// Names of the objects of `resource` in `ns` (empty: without a namespace), in any order.
  virtual Result<std::vector<std::string>> names(const ResourceKind& resource, std::string_view ns,
                                                 const LabelSelector& selector) = 0;
  /// Whether an object that is asked for by name may have a value. Errors: as above.
  virtual Result<bool> has(const ResourceKind& resource, std::string_view ns, std::string_view name) = 0;
};

/// The values of an answer from Prometheus, and what was left out of them.
struct Selection {
  std::vector<MetricValue> values;  ///< Sorted by name.
  int too_old = 0;                  ///< Objects whose newest sample is older than allowed.
  Duration oldest{0};               ///< The age of the oldest of these; 0 where Prometheus does not even see a sample.
  int not_numbers = 0;              ///< Objects whose value is NaN or infinite.
};

/// Picks the values of `names` out of `elements` (whose part tells values from times). An object's sample is as old as
/// its time says. A value without a time is made of samples that Prometheus does not look back to any more (a rate over
/// an hour, of a series that ended): too old. Of several values of one object the last one counts, as in
/// prometheus-adapter.
Selection select_values(const std::vector<VectorElement>& elements, const std::vector<std::string>& names, WallTime now,
                        Duration age_max);

/// The metric that is asked for, where the catalog has the resource but not the metric: a relist may find it.
std::optional<MetricKey> unknown_metric(const Catalog& catalog, const Route& route);

/// Threads: any. References live longer.
class MetricAnswerer {
 public:
  MetricAnswerer(QueryApi& prometheus, ObjectNames& objects, const Clock& clock, Duration age_max,
                 MetricsRegistry& metrics);

  /// The MetricValueList's JSON, or what went wrong. `route.kind` is kMetric.
  [[nodiscard]] std::variant<std::string, ApiError> answer(const Catalog& catalog, const Route& route,
                                                           std::string_view query) const;

 private:
  QueryApi& prometheus_;
  ObjectNames& objects_;
  const Clock& clock_;
  const Duration age_max_;
  const Histogram freshness_;
  const Counter left_out_too_old_;
  const Counter left_out_not_a_number_;
};

}  // namespace sluice::adapter
