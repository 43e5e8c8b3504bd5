// The one drain of the process. The admin API (or SIGTERM) starts, changes and ends it; shards ask it for tokens and
// let their own connections go. The bucket is shared, so the rate holds for the process whatever each shard does.
// Threads: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "gateway/drain/pacing.h"

namespace sluice::gateway {

/// `PUT /admin/v1/drain`.
struct DrainRequest {
  std::string reason;
  WallTime deadline;
  double rate = 0;  ///< Connections a second; 0 holds everything back until the deadline.
  std::uint16_t close_code = 1012;
  Duration hint_jitter{};
};

/// What a shard needs to know.
struct DrainView {
  bool active = false;
  std::uint32_t epoch = 0;  ///< Tells one drain from the next: what an earlier one released is not released now.
  SteadyTime deadline{};
  Duration spread{};  ///< Of who is released now; never beyond the deadline.
  Duration hint_jitter{};
  std::uint16_t close_code = 1012;
};

/// What the admin API reports.
struct DrainReport {
  WallTime started_at;
  std::string reason;
  WallTime deadline;
  std::size_t initial = 0;
  double rate = 0;
  double eta_seconds = 0;
};

class DrainController {
 public:
  /// `clock` outlives the controller.
  explicit DrainController(const Clock& clock) : clock_(clock) {}

  /// Begins a drain of `connections`, or changes the one that runs: rate, deadline, close code, jitter and reason take
  /// effect, start and initial count stay.
  void start(const DrainRequest& request, std::size_t connections);
  /// Takes the drain back. Errors: kConflict (the process is terminating).
  Status cancel();
  /// SIGTERM: begins a drain that fits into `grace`, or cuts the deadline of the one that runs to it. Final.
  void terminate(std::size_t connections, Duration grace, Duration hint_jitter);

  /// Whether new connections are refused. Cheap: asked at each upgrade.
  [[nodiscard]] bool active() const { return active_.load(std::memory_order_acquire); }
  [[nodiscard]] bool terminating() const { return terminating_.load(std::memory_order_acquire); }
  [[nodiscard]] DrainView view() const;
  /// Of the drain that runs, or of the last one.
  [[nodiscard]] std::uint32_t epoch() const;
  /// At most `wanted` tokens, each for one connection to release.
  std::size_t take(std::size_t wanted, SteadyTime now);
  /// Nothing where no drain runs. `remaining` connections are left, `waiting` of them have no token yet.
  [[nodiscard]] std::optional<DrainReport> report(std::size_t remaining, std::size_t waiting) const;

 private:
  void begin_locked(const DrainRequest& request, std::size_t connections, SteadyTime now, WallTime wall)
      REQUIRES(mutex_);
  [[nodiscard]] Duration spread_locked(SteadyTime now) const REQUIRES(mutex_);

  const Clock& clock_;
  std::atomic<bool> active_ = false;
  std::atomic<bool> terminating_ = false;

  mutable Mutex mutex_;
  DrainRequest request_ GUARDED_BY(mutex_);
  WallTime started_at_ GUARDED_BY(mutex_);
  std::size_t initial_ GUARDED_BY(mutex_) = 0;
  std::uint32_t epoch_ GUARDED_BY(mutex_) = 0;
  SteadyTime deadline_ GUARDED_BY(mutex_){};
  SteadyTime termination_deadline_ GUARDED_BY(mutex_) = SteadyTime::max();
  WallTime termination_wall_ GUARDED_BY(mutex_) = WallTime::max();
  SteadyTime last_taken_ GUARDED_BY(mutex_){};
  DrainPace pace_ GUARDED_BY(mutex_);
};

/// Seconds until the last of `remaining` connections is gone, as far as pacing decides it: the `waiting` ones get a
/// token at `rate`, then everyone waits at most `spread`; never longer than until the deadline. Pure.
[[nodiscard]] double drain_eta_seconds(std::size_t remaining, std::size_t waiting, double rate, Duration spread,
                                       SteadyTime last_taken, SteadyTime deadline, SteadyTime now);

}  // namespace sluice::gateway
