// What Prometheus' HTTP API answers, read without trust. Source: prometheus.io/docs/prometheus/latest/querying/api.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/metric_index.h"
#include "common/base/result.h"

namespace sluice::adapter {

/// What to do about an answer that is too long.
inline constexpr const char* kOneValueEach = "the rule's metricsQuery should make one value for each object";
inline constexpr const char* kNarrowSeriesQuery = "narrow the rule's seriesQuery";

/// What is kept of one element of an instant vector: the values of two of its labels ("" where it has none), and its
/// own.
struct VectorElement {
  std::string object;
  std::string part;
  double value = 0;  ///< May be NaN or infinite.
};

/// The labels whose values are kept.
struct KeptLabels {
  std::string object;
  std::string part;
};

/// The elements of /api/v1/query's answer, which must be a vector of no more than `elements_max`.
/// `http_status` and `body` are the whole answer. Errors, whose message says what Prometheus says:
/// kUnavailable (5xx, or its own time-out or abort: later it may work), kDenied (401, 403), kInvalid (it refuses the
/// query, or the answer is not what the API promises, or longer than it may be).
Result<std::vector<VectorElement>> read_vector(int http_status, std::string_view body, const KeptLabels& labels,
                                               std::size_t elements_max = SIZE_MAX);

/// The names and labels of /api/v1/series' answer, of no more than `series_max` series. Errors: as above.
Result<SeriesNames> read_series(int http_status, std::string_view body, std::size_t series_max = SIZE_MAX);

}  // namespace sluice::adapter
