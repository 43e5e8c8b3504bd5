#include "gateway/drain/pacing.h"

#include <algorithm>
#include <cmath>

namespace sluice::gateway {
namespace {

double seconds(SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Milliseconds to give out `initial` tokens.
double release_ms(std::size_t initial, double rate) {
  return static_cast<double>(initial) / rate * 1000.0;
}

}  // namespace

double TokenPacer::burst(double rate) {
  return 1.0 + rate * seconds(kBurst);
}

void TokenPacer::start(double rate, SteadyTime now) {
  rate_ = rate;
  tokens_ = 1;
  at_ = now;
}

void TokenPacer::accrue(SteadyTime now) {
  if (now <= at_) return;
  tokens_ = std::min(tokens_ + rate_ * seconds(now - at_), burst(rate_));
  at_ = now;
}

void TokenPacer::set_rate(double rate, SteadyTime now) {
  accrue(now);
  rate_ = rate;
  tokens_ = std::min(tokens_, burst(rate));
}

std::size_t TokenPacer::take(std::size_t wanted, SteadyTime now) {
  accrue(now);
  const std::size_t taken = std::min(wanted, static_cast<std::size_t>(tokens_));
  tokens_ -= static_cast<double>(taken);
  return taken;
}

Duration drain_spread(std::size_t initial, double rate, Duration hint_jitter) {
  if (!(rate > 0)) return hint_jitter;
  const double jitter = static_cast<double>(hint_jitter.count());
  const double release = release_ms(initial, rate);
  return Duration(static_cast<Duration::rep>(std::max(jitter - release, std::min(jitter, release / 20))));
}

Duration drain_length(std::size_t initial, double rate, Duration hint_jitter) {
  if (!(rate > 0)) return Duration::max();
  const double length = std::max(static_cast<double>(hint_jitter.count()), 1.05 * release_ms(initial, rate));
  if (length >= static_cast<double>(Duration::max().count())) return Duration::max();
  return Duration(static_cast<Duration::rep>(std::ceil(length)));
}

TerminationPlan plan_termination(std::size_t connections, Duration grace, Duration hint_jitter) {
  TerminationPlan plan;
  const double window_ms = 0.8 * static_cast<double>(grace.count());
  plan.deadline = Duration(static_cast<Duration::rep>(window_ms));
  // A tenth of the window is kept for hinted clients that move later than they said.
  const double paced_ms = 0.9 * window_ms;
  plan.hint_jitter = std::min(hint_jitter, Duration(static_cast<Duration::rep>(paced_ms)));
  plan.rate = 1.05 * static_cast<double>(std::max<std::size_t>(1, connections)) / (paced_ms / 1000.0);
  return plan;
}

}  // namespace sluice::gateway
