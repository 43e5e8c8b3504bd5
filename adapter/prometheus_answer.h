// What Prometheus' HTTP API answers, read without trust. Source: prometheus.io/docs/prometheus/latest/querying/api.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapter/metric_index.h"
#include "common/base/result.h"

namespace sluice::adapter {

/// One element of an instant vector.
struct VectorElement {
  std::map<std::string, std::string> labels;
  double value = 0;  ///< May be NaN or infinite. (Its time is not kept: it is the evaluation's, not the sample's.)

  /// "" where there is no such label.
  [[nodiscard]] const std::string& label(const std::string& name) const;
};

/// The elements of /api/v1/query's answer, which must be a vector.
/// `http_status` and `body` are the whole answer. Errors, whose message says what Prometheus says:
/// kUnavailable (5xx, or its own time-out or abort: later it may work), kDenied (401, 403), kInvalid (it refuses the
/// query, or the answer is not what the API promises).
Result<std::vector<VectorElement>> read_vector(int http_status, std::string_view body);

/// The names and labels of /api/v1/series' answer. Errors: as above.
Result<SeriesNames> read_series(int http_status, std::string_view body);

}  // namespace sluice::adapter
