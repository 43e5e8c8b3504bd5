// How fast a drain lets connections go: pure arithmetic, with the time passed in (docs/design/0001-main-job.md, "Drain
// inside the gateway"). Threads: one at a time; DrainController guards it.
#pragma once

#include <cstddef>

#include "common/base/clock.h"

namespace sluice::gateway {

/// A token bucket: `rate` tokens a second, and at most one token and kBurst's worth saved up, so that in no window of w
/// seconds more than rate * w + burst(rate) tokens are given out. Who asks more often than once in kBurst loses none.
class TokenPacer {
 public:
  static constexpr Duration kBurst{100};

  /// Starts with one token, so that a drain of one connection begins at once.
  void start(double rate, SteadyTime now);
  /// Tokens up to `now` come at the old rate.
  void set_rate(double rate, SteadyTime now);
  /// At most `wanted` tokens.
  std::size_t take(std::size_t wanted, SteadyTime now);

  [[nodiscard]] double rate() const { return rate_; }
  [[nodiscard]] static double burst(double rate);

 private:
  void accrue(SteadyTime now);

  double rate_ = 0;
  double tokens_ = 0;
  SteadyTime at_{};
};

/// The longest that a released connection waits before it goes; each wait is uniform in [0, spread). With it departures
/// run no faster than the rate, and the drain ends at drain_length() instead of at the sum of both times.
/// A rate of 0 means that nothing is released: the jitter is all that counts.
[[nodiscard]] Duration drain_spread(std::size_t initial, double rate, Duration hint_jitter);

/// When the last of `initial` connections goes, at the latest, after a drain begins: max(jitter, 1.05 * initial /
/// rate). Duration::max() where the rate is 0.
[[nodiscard]] Duration drain_length(std::size_t initial, double rate, Duration hint_jitter);

/// What SIGTERM's drain uses.
struct TerminationPlan {
  double rate = 0;
  Duration hint_jitter{};
  Duration deadline{};  ///< From now.
};
/// Lets `connections` go over 80 % of `grace`; the rest is for what answers late and for the close handshakes.
[[nodiscard]] TerminationPlan plan_termination(std::size_t connections, Duration grace, Duration hint_jitter);

}  // namespace sluice::gateway
