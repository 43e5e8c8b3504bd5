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

  /// Starts with one token, so that a drain of one connection begins at once; with none where the rate is 0.
  void start(double rate, SteadyTime now);
  /// Tokens up to `now` come at the old rate. A rate of 0 takes what was saved up, too.
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

/// The longest that a released connection waits before it goes; each wait is uniform in [0, spread). `release_seconds`:
/// from the drain's start to its last token, infinite where the rate is 0. With it departures run no faster than
/// tokens, and the drain ends at drain_length() instead of at the sum of both times.
[[nodiscard]] Duration drain_spread(double release_seconds, Duration hint_jitter);

/// When the last of `initial` connections goes, at the latest, after a drain begins: max(jitter, 1.05 * initial /
/// rate). Duration::max() where the rate is 0.
[[nodiscard]] Duration drain_length(std::size_t initial, double rate, Duration hint_jitter);

/// Tokens and spread of one drain, whatever becomes of its rate and jitter meanwhile. At each change the spread is made
/// anew from what is left: tokens that are not given, time that has passed. It may always grow. Before it shrinks,
/// those who were told to wait longer are thought of: they meet those who are told to wait less, and for a while both
/// go. So it shrinks only where departures stay within kOverlapMax of the fastest rate that was in force while any of
/// them was released; otherwise it stays, and the drain ends later by what it did not shrink, a jitter at most.
class DrainPace {
 public:
  static constexpr double kOverlapMax = 1.1;

  void start(std::size_t initial, double rate, Duration hint_jitter, SteadyTime now);
  /// Does nothing where both are what they were: the operator repeats its order.
  void change(double rate, Duration hint_jitter, SteadyTime now);
  /// At most `wanted` tokens.
  std::size_t take(std::size_t wanted, SteadyTime now);
  /// How long whoever is released now waits at most.
  [[nodiscard]] Duration spread() const { return spread_; }

 private:
  [[nodiscard]] double released_density() const;
  [[nodiscard]] Duration wanted_spread(SteadyTime now) const;

  TokenPacer pacer_;
  Duration hint_jitter_{};
  Duration spread_{};
  SteadyTime began_{};
  std::size_t left_ = 0;   ///< Of the initial connections, those without a token.
  std::size_t given_ = 0;  ///< Tokens since the last change.
  // Those released before the last change: no more than so many a second go, until that time, and the fastest rate at
  // which they were released.
  double departing_ = 0;
  SteadyTime departing_until_{};
  double fastest_ = 0;
};

/// What SIGTERM's drain uses.
struct TerminationPlan {
  double rate = 0;
  Duration hint_jitter{};
  Duration deadline{};  ///< From now.
};
/// Lets `connections` go over 80 % of `grace`; the rest is for what answers late and for the close handshakes.
[[nodiscard]] TerminationPlan plan_termination(std::size_t connections, Duration grace, Duration hint_jitter);

}  // namespace sluice::gateway
