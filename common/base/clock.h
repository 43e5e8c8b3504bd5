// Time is passed in: a hidden clock is a branch that nobody can test.
#pragma once

#include <chrono>
#include <ctime>
#include <mutex>

namespace sluice {

using namespace std::chrono_literals;  // NOLINT: durations are written 30s everywhere
using Duration = std::chrono::milliseconds;
/// A point on the monotonic clock: for time-outs, pacing and ages. Means nothing outside this process.
using SteadyTime = std::chrono::steady_clock::time_point;
/// A point on the wall clock (UTC): for what is written into objects and read by another process.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Source of both times. Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

/// For those who are given no other clock.
inline const SystemClock kSystemClock;

/// CPU time that the calling thread has used.
inline std::chrono::nanoseconds thread_cpu_time() {
  timespec time{};
  (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// A clock that stands still until a test moves it. Threads: any.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(std::chrono::hours(24 * 365 * 50))) : wall_(start), steady_(1h) {}

  [[nodiscard]] SteadyTime steady() const override {
    const std::lock_guard lock(mutex_);
    return steady_;
  }
  [[nodiscard]] WallTime wall() const override {
    const std::lock_guard lock(mutex_);
    return wall_;
  }
  void advance(Duration by) {
    const std::lock_guard lock(mutex_);
    steady_ += by;
    wall_ += by;
  }

 private:
  mutable std::mutex mutex_;
  WallTime wall_;
  SteadyTime steady_;
};

}  // namespace sluice
