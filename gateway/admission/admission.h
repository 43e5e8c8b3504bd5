// How many newcomers a gateway lets in a second, so that the clients of a pod that died do not take the next one with
// them: a token bucket whose rate grows while the gateway keeps up, and a bounded queue of those who come too fast.
// Pure decisions, with the time passed in. Threads: one at a time; AdmissionDoor guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/base/clock.h"
#include "gateway/drain/pacing.h"

namespace sluice::gateway {

/// The configuration's `admission`.
struct AdmissionLimits {
  /// Handshakes a second that a gateway is trusted with from its start. Well above what a receiver of a drain is meant
  /// to be given (reconnectBudget.perSecondPerReceiver, 200), or every drain would wait here; well below what a core
  /// can do (measured: some 40,000 plain handshakes, some 1,900 with TLS).
  double per_second = 1'000;
  double per_second_max = 5'000;
  /// Newcomers that may wait. At the rate of the start the last of them waits for 4 s: shorter than clients' patience,
  /// which is 10 s as a rule.
  std::size_t queue = 4'000;
  /// The rate grows while 99 in 100 upgrades take no longer than this from being let in to the 101 answer. A client's
  /// round trips are part of it: one without TLS, two or three with it.
  Duration handshake_p99{250};
};

class Admission {
 public:
  static constexpr double kGrowth = 1.25;  ///< Of the rate, in a second.
  static constexpr std::size_t kSamplesMax = 5;
  static constexpr Duration kAdjustLeast{500};
  /// Seconds that a refused client is told to wait.
  static constexpr std::uint32_t kRetryAfterLeast = 2;
  static constexpr std::uint32_t kRetryAfterMost = 30;

  enum class Verdict : std::uint8_t { kEnter, kWait, kRefuse };
  struct Answer {
    Verdict verdict = Verdict::kEnter;
    std::uint64_t ticket = 0;  ///< Of one that waits.
  };

  Admission(const AdmissionLimits& limits, SteadyTime now);

  /// Somebody comes. Nobody overtakes those who wait.
  Answer arrive(SteadyTime now);
  /// Calls those who wait, in the order in which they came: whoever has a ticket below the answer enters. Each shard
  /// keeps its own queue, and the order holds for the process.
  std::uint64_t call(SteadyTime now);

  /// Meant to come each second; does nothing earlier than kAdjustLeast after the last time. `finished` upgrades since
  /// the start, of which `slow` took longer than handshake_p99. The rate
  /// - grows where somebody had to wait since the last call and 99 in 100 of the last seconds' upgrades were in time;
  ///   with none there is nothing to go by, and it stays,
  /// - falls back towards per_second at the same pace where more than that were late, or less than half of it was used.
  void adjust(SteadyTime now, std::int64_t finished, std::int64_t slow);

  [[nodiscard]] double rate() const { return pacer_.rate(); }
  [[nodiscard]] std::size_t waiting() const { return static_cast<std::size_t>(next_ - called_); }
  /// Everyone who was refused since the start.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  /// Those who are refused come back at random within so many seconds: as long as it takes to let in all who wait and
  /// all who were refused of late.
  [[nodiscard]] std::uint32_t retry_within_seconds() const;

 private:
  struct Sample {
    std::int64_t finished = 0;
    std::int64_t slow = 0;
  };
  enum class Speed : std::uint8_t { kUnknown, kHolds, kBroken };
  [[nodiscard]] Speed speed() const;

  const AdmissionLimits limits_;
  TokenPacer pacer_;
  std::uint64_t next_ = 0;    ///< The next ticket.
  std::uint64_t called_ = 0;  ///< Tickets below this have been called.
  std::uint64_t refused_ = 0;
  std::deque<Sample> samples_ = {{}};
  // Since the last adjust().
  SteadyTime adjusted_;
  double entered_ = 0;
  bool used_up_ = false;
  std::uint64_t refused_before_ = 0;       ///< refused_ at the last adjust() ...
  std::uint64_t refused_before_that_ = 0;  ///< ... and at the one before.
};

}  // namespace sluice::gateway
