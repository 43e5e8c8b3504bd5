// Rates of the recent past from counters that only grow: shards count, this remembers what they had counted a while
// ago. Pure but for what it remembers. Threads: one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/base/clock.h"
#include "gateway/stats.h"

namespace sluice::gateway {

/// Handshakes by duration: one count a bucket of kHandshakeSecondsBounds, and one for the rest.
using HandshakeCounts = std::array<std::uint64_t, kHandshakeSecondsBounds.size() + 1>;

/// The p-quantile (0 to 1) of `counts` in seconds, interpolated in its bucket as PromQL's histogram_quantile does; the
/// highest bound for what lies beyond it; 0 without observations.
[[nodiscard]] double handshake_quantile(const HandshakeCounts& counts, double p);

class RecentActivity {
 public:
  static constexpr Duration kAcceptWindow{10'000};
  static constexpr Duration kHandshakeWindow{60'000};
  static constexpr std::size_t kSamplesMax = 128;

  /// A sample of the counters; meant to come each second.
  void add(SteadyTime now, std::uint64_t accepted, const HandshakeCounts& handshakes);
  /// Mean over the last kAcceptWindow of samples, or over what there is.
  [[nodiscard]] double accepts_per_second() const;
  /// Over the last kHandshakeWindow of samples.
  [[nodiscard]] double handshake_p99() const;

 private:
  struct Sample {
    SteadyTime at;
    std::uint64_t accepted = 0;
    HandshakeCounts handshakes{};
  };
  [[nodiscard]] const Sample& oldest_within(Duration window) const;

  std::deque<Sample> samples_;
};

}  // namespace sluice::gateway
