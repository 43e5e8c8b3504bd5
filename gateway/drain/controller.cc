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
    shed_.reset();
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

Status DrainController::start_shed(const ShedRequest& request, std::size_t able) {
  const MutexLock lock(mutex_);
  if (active_.load(std::memory_order_relaxed)) {
    return Error{ErrorCode::kConflict, "a drain runs, which lets everyone go: nothing is left to shed"};
  }
  const SteadyTime now = clock_.steady();
  if (shed_ && shed_->request.id == request.id) {
    shed_->request.rate = request.rate;
    pace_.change(request.rate, shed_->request.hint_jitter, now);
    return {};
  }
  ++epoch_;
  deadline_ = SteadyTime::max();
  const std::size_t initial = std::min(request.count, able);
  shed_ = Shed{.request = request, .initial = initial, .left = initial};
  pace_.start(initial, request.rate, request.hint_jitter, now);
  return {};
}

bool DrainController::cancel_shed() {
  const MutexLock lock(mutex_);
  const bool running = shed_.has_value();
  shed_.reset();
  return running;
}

std::optional<WallTime> DrainController::termination_deadline() const {
  const MutexLock lock(mutex_);
  if (!terminating_.load(std::memory_order_relaxed)) return std::nullopt;
  return termination_wall_;
}

ReleaseView DrainController::view() const {
  const MutexLock lock(mutex_);
  ReleaseView view;
  view.epoch = epoch_;
  const bool draining = active_.load(std::memory_order_relaxed);
  if (!draining && !shed_) return view;
  view.kind = draining ? ReleaseKind::kDrain : ReleaseKind::kShed;
  view.deadline = deadline_;
  view.spread = spread_locked(clock_.steady());
  view.hint_jitter = draining ? request_.hint_jitter : shed_->request.hint_jitter;
  view.close_code = draining ? request_.close_code : shed_->request.close_code;
  view.spent = !draining && shed_->left == 0;
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
  if (active_.load(std::memory_order_relaxed)) {
    const std::size_t taken = pace_.take(wanted, now);
    if (taken > 0) last_taken_ = now;
    return taken;
  }
  if (!shed_) return 0;
  const std::size_t taken = pace_.take(std::min(wanted, shed_->left), now);
  shed_->left -= taken;
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

std::optional<ShedReport> DrainController::shed_report(std::size_t able, std::size_t released) const {
  const MutexLock lock(mutex_);
  if (!shed_) return std::nullopt;
  // Counters of several shards are not of one moment: `released` may be ahead of `able` for an instant.
  const std::size_t candidates = able - std::min(able, released);
  return ShedReport{.id = shed_->request.id,
                    .initial = shed_->initial,
                    .remaining = std::min(shed_->left, candidates) + released,
                    .rate = shed_->request.rate};
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
