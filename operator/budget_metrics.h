// The reconnect budget of each RealtimeGateway as gauges, which go with it.
#pragma once

#include <string>

#include "common/base/metrics.h"
#include "common/kube/resource.h"

namespace sluice::op {

/// Threads: any; one key at a time.
class BudgetMetrics {
 public:
  /// `registry` outlives this.
  explicit BudgetMetrics(MetricsRegistry& registry) : registry_(registry) {}

  /// `budget` as status.budget has it.
  void show(const std::string& key, const kube::Json& budget);
  void forget(const std::string& key);

 private:
  MetricsRegistry& registry_;
};

}  // namespace sluice::op
