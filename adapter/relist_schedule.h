// When the relister does what. Everything is relisted at an interval. What failed is tried again sooner, ever less
// soon. And where somebody asks for a metric that nobody knows, series are listed out of turn, in case they have just
// appeared: but once for each metric, since most of those metrics are misspelt and are asked for four times a minute.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "adapter/metric_index.h"
#include "common/base/clock.h"

namespace sluice::adapter {

enum class RelistScope {
  kEverything,  ///< The API server's resources and all rules' series.
  kFailed,      ///< What could not be read the last time.
  kSeries,      ///< All rules' series.
};

/// Pure. Threads: guarded by its owner.
class RelistSchedule {
 public:
  explicit RelistSchedule(Duration interval);

  /// Nothing before next().
  [[nodiscard]] std::optional<RelistScope> due(SteadyTime now) const;
  [[nodiscard]] SteadyTime next() const;

  void begins(RelistScope scope);
  /// `good`: nothing is left that could not be read. `found` says whether a metric is known now.
  void ended(RelistScope scope, bool good, const std::function<bool(const MetricKey&)>& found, SteadyTime now);

  /// Somebody asked for a metric that is not known.
  void want(const MetricKey& key, SteadyTime now);

  static constexpr Duration kRetryFirst{5'000};  ///< After a failure; doubled by each one, up to the interval.
  static constexpr Duration kHurryMin{5'000};    ///< Out of turn at most so often; doubled where it was in vain.
  static constexpr std::size_t kKeysMax =
      256;  ///< Metrics that are wanted or were searched for in vain; more can wait.

 private:
  [[nodiscard]] Duration grown(Duration wait) const { return std::min(wait * 2, interval_); }

  const Duration interval_;
  SteadyTime everything_at_{};  // the beginning of time: at once
  SteadyTime last_end_{};
  std::optional<SteadyTime> retry_at_, hurry_at_;
  Duration retry_wait_, hurry_wait_;
  std::set<MetricKey> wanted_;         // since the last listing of series began
  std::set<MetricKey> searched_;       // what the one that runs may find
  std::map<MetricKey, bool> in_vain_;  // and whether it was asked for since everything was last relisted
};

}  // namespace sluice::adapter
