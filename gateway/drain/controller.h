// Who lets connections go: the one drain of the process, or the one shed (a part of the connections, while new ones are
// welcome). The admin API (or SIGTERM) starts, changes and ends them; shards ask for tokens and let their own
// connections go. The bucket is shared, so the rate holds for the process whatever each shard does. Never both at once:
// a drain ends the shed, and none begins while it runs. Threads: any.
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

/// `PUT /admin/v1/shed`.
struct ShedRequest {
  std::string id;
  std::size_t count = 0;
  double rate = 0;  ///< Connections a second; 0 holds everything back.
  std::uint16_t close_code = 1012;
  Duration hint_jitter{};
};

enum class ReleaseKind : std::uint8_t { kNone, kDrain, kShed };

/// What a shard needs to know of the drain or the shed that runs.
struct ReleaseView {
  ReleaseKind kind = ReleaseKind::kNone;
  std::uint32_t epoch =
      0;  ///< Tells one drain or shed from the next: what an earlier one released is not released now.
  SteadyTime deadline = SteadyTime::max();  ///< A shed has none.
  Duration spread{};                        ///< Of who is released now; never beyond the deadline.
  Duration hint_jitter{};
  std::uint16_t close_code = 1012;
  bool spent = false;  ///< A shed whose tokens are all given: nobody else is released.

  [[nodiscard]] bool active() const { return kind != ReleaseKind::kNone; }
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

struct ShedReport {
  std::string id;
  std::size_t initial = 0;    ///< As many as were asked for, or as there were that understand hints.
  std::size_t remaining = 0;  ///< Of them: not released yet, or released and still here.
  double rate = 0;            ///< Connections released a second, as last granted.
};

class DrainController {
 public:
  /// `clock` outlives the controller.
  explicit DrainController(const Clock& clock) : clock_(clock) {}

  /// Begins a drain of `connections`, or changes the one that runs: rate, deadline, close code, jitter and reason take
  /// effect, start and initial count stay. Once the process is terminating the deadline may come earlier than the grace
  /// period leaves, never later.
  void start(const DrainRequest& request, std::size_t connections);
  /// Takes the drain back. Errors: kConflict (the process is terminating).
  Status cancel();
  /// SIGTERM: begins a drain that fits into `grace`, or cuts the deadline of the one that runs to it. Final.
  void terminate(std::size_t connections, Duration grace, Duration hint_jitter);

  /// Begins a shed, in place of the one that runs; `able` connections understand hints. With the id of the one that
  /// runs, or has run out, only the rate changes. Errors: kConflict (a drain runs).
  Status start_shed(const ShedRequest& request, std::size_t able);
  /// Ends the shed: those that were hinted and have not gone stay. False where there is none.
  bool cancel_shed();

  /// Whether new connections are refused. Cheap: asked at each upgrade.
  [[nodiscard]] bool active() const { return active_.load(std::memory_order_acquire); }
  [[nodiscard]] bool terminating() const { return terminating_.load(std::memory_order_acquire); }
  /// Until when everyone has gone; nothing where the process is not terminating.
  [[nodiscard]] std::optional<WallTime> termination_deadline() const;
  [[nodiscard]] ReleaseView view() const;
  /// Of the drain or shed that runs, or of the last one.
  [[nodiscard]] std::uint32_t epoch() const;
  /// At most `wanted` tokens, each for one connection to release.
  std::size_t take(std::size_t wanted, SteadyTime now);
  /// Nothing where no drain runs. `remaining` connections are left, `waiting` of them have no token yet.
  [[nodiscard]] std::optional<DrainReport> report(std::size_t remaining, std::size_t waiting) const;
  /// Nothing where there is no shed. `able` connections understand hints, `released` of them were released by it.
  [[nodiscard]] std::optional<ShedReport> shed_report(std::size_t able, std::size_t released) const;

 private:
  struct Shed {
    ShedRequest request;
    std::size_t initial = 0;
    std::size_t left = 0;  ///< Tokens that were not given.
  };

  void begin_locked(const DrainRequest& request, std::size_t connections, SteadyTime now, WallTime wall)
      REQUIRES(mutex_);
  [[nodiscard]] Duration spread_locked(SteadyTime now) const REQUIRES(mutex_);

  const Clock& clock_;
  std::atomic<bool> active_ = false;  ///< A drain runs.
  std::atomic<bool> terminating_ = false;

  mutable Mutex mutex_;
  DrainRequest request_ GUARDED_BY(mutex_);
  WallTime started_at_ GUARDED_BY(mutex_);
  std::size_t initial_ GUARDED_BY(mutex_) = 0;
  std::uint32_t epoch_ GUARDED_BY(mutex_) = 0;
  SteadyTime deadline_ GUARDED_BY(mutex_) = SteadyTime::max();
  SteadyTime termination_deadline_ GUARDED_BY(mutex_) = SteadyTime::max();
  WallTime termination_wall_ GUARDED_BY(mutex_) = WallTime::max();
  SteadyTime last_taken_ GUARDED_BY(mutex_){};
  std::optional<Shed> shed_ GUARDED_BY(mutex_);
  DrainPace pace_ GUARDED_BY(mutex_);  ///< Of whichever runs.
};

/// Seconds until the last of `remaining` connections is gone, as far as pacing decides it: the `waiting` ones get a
/// token at `rate`, then everyone waits at most `spread`; never longer than until the deadline. Pure.
[[nodiscard]] double drain_eta_seconds(std::size_t remaining, std::size_t waiting, double rate, Duration spread,
                                       SteadyTime last_taken, SteadyTime deadline, SteadyTime now);

}  // namespace sluice::gateway
