#include "gateway/drain/controller.h"

#include <algorithm>

namespace sluice::gateway {
namespace {

/// A deadline further away than this is as good as none; the bound keeps the arithmetic far from overflow.
constexpr Duration kDeadlineMax = std::chrono::hours(24 * 366);

}  // namespace

void DrainController::begin_locked(const DrainRequest& request, std::size_t connections, SteadyTime now,
                                   WallTime wall) {
  if (!active_.load(std::memory_order_relaxed)) {
    ++epoch_;
    started_at_ = wall;
    initial_ = connections;
    last_taken_ = now;
    pace_.start(connections, request.rate, request.hint_jitter, now);
    active_.store(true, std::memory_order_release);
  } else {
    pace_.change(request.rate, request.hint_jitter, now);
  }
  request_ = request;
  // The deadline comes as a wall time and is kept as a steady one: a step of the wall clock must not move it.
  const Duration left = std::clamp<Duration>(request.deadline - wall, Duration::zero(), kDeadlineMax);
  deadline_ = std::min<SteadyTime>(now + left, termination_deadline_);
}

void DrainController::start(const DrainRequest& request, std::size_t connections) {
  const MutexLock lock(mutex_);
  begin_locked(request, connections, clock_.steady(), clock_.wall());
}

Status DrainController::cancel() {
  const MutexLock lock(mutex_);
  if (terminating_.load(std::memory_order_relaxed)) {
    return Error{ErrorCode::kConflict, "the process is terminating: its drain cannot be taken back"};
  }
  active_.store(false, std::memory_order_release);
  return {};
}

void DrainController::terminate(std::size_t connections, Duration grace, Duration hint_jitter) {
  const MutexLock lock(mutex_);
  if (terminating_.exchange(true)) return;
  const SteadyTime now = clock_.steady();
  const WallTime wall = clock_.wall();
  const TerminationPlan plan = plan_termination(connections, grace, hint_jitter);
  termination_deadline_ = now + plan.deadline;
  termination_wall_ = wall + plan.deadline;
  if (active_.load(std::memory_order_relaxed)) {
    deadline_ = std::min(deadline_, termination_deadline_);
    return;
  }
  DrainRequest request;
  request.reason = "Terminating";
  request.deadline = wall + plan.deadline;
  request.rate = plan.rate;
  request.hint_jitter = plan.hint_jitter;
  begin_locked(request, connections, now, wall);
}

DrainView DrainController::view() const {
  const MutexLock lock(mutex_);
  DrainView view;
  view.active = active_.load(std::memory_order_relaxed);
  view.epoch = epoch_;
  view.deadline = deadline_;
  view.spread = spread_locked(clock_.steady());
  view.hint_jitter = request_.hint_jitter;
  view.close_code = request_.close_code;
  return view;
}

Duration DrainController::spread_locked(SteadyTime now) const {
  // Who would wait longer is closed at the deadline anyway: a hint must not promise more.
  const auto left = std::chrono::floor<Duration>(std::max(deadline_ - now, SteadyTime::duration::zero()));
  return std::min(pace_.spread(), left);
}

std::uint32_t DrainController::epoch() const {
  const MutexLock lock(mutex_);
  return epoch_;
}

std::size_t DrainController::take(std::size_t wanted, SteadyTime now) {
  const MutexLock lock(mutex_);
  if (!active_.load(std::memory_order_relaxed)) return 0;
  const std::size_t taken = pace_.take(wanted, now);
  if (taken > 0) last_taken_ = now;
  return taken;
}

std::optional<DrainReport> DrainController::report(std::size_t remaining, std::size_t waiting) const {
  const MutexLock lock(mutex_);
  if (!active_.load(std::memory_order_relaxed)) return std::nullopt;
  const SteadyTime now = clock_.steady();
  DrainReport report;
  report.started_at = started_at_;
  report.reason = request_.reason;
  report.deadline = std::min(request_.deadline, termination_wall_);
  report.initial = initial_;
  report.rate = request_.rate;
  report.eta_seconds =
      drain_eta_seconds(remaining, waiting, request_.rate, spread_locked(now), last_taken_, deadline_, now);
  return report;
}

double drain_eta_seconds(std::size_t remaining, std::size_t waiting, double rate, Duration spread,
                         SteadyTime last_taken, SteadyTime deadline, SteadyTime now) {
  if (remaining == 0) return 0;
  const double until_deadline = std::max(0.0, std::chrono::duration<double>(deadline - now).count());
  const double spread_seconds = std::chrono::duration<double>(spread).count();
  if (waiting == 0) {
    const double left = std::chrono::duration<double>(last_taken - now).count() + spread_seconds;
    return std::clamp(left, 0.0, until_deadline);
  }
  if (!(rate > 0)) return until_deadline;
  return std::min(until_deadline, static_cast<double>(waiting) / rate + spread_seconds);
}

}  // namespace sluice::gateway
