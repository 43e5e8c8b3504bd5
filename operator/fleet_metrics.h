// Metrics of what the fleets as a whole are doing.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "common/base/metrics.h"

namespace sluice::op {

/// Threads: any.
class FleetMetrics {
 public:
  explicit FleetMetrics(MetricsRegistry& registry)
      : rebalances(registry.counter("sluice_operator_rebalances_total", "Rebalances begun.")),
        offline_(registry.gauge("sluice_operator_offline_pods", "Pods that are out of their fleet.")) {}

  /// So many pods of `key` are out now; 0 also where it is gone.
  void note_offline(const std::string& key, int pods) {
    const std::lock_guard lock(mutex_);
    int& before = offline_of_[key];
    offline_.add(pods - before);
    before = pods;
    if (pods == 0) offline_of_.erase(key);
  }

  const Counter rebalances;

 private:
  const Gauge offline_;
  std::mutex mutex_;
  std::map<std::string, int> offline_of_;
};

}  // namespace sluice::op
