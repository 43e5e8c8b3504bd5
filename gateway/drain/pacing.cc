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
  tokens_ = rate > 0 ? 1 : 0;
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
  tokens_ = rate > 0 ? std::min(tokens_, burst(rate)) : 0;
}

std::size_t TokenPacer::take(std::size_t wanted, SteadyTime now) {
  accrue(now);
  const std::size_t taken = std::min(wanted, static_cast<std::size_t>(tokens_));
  tokens_ -= static_cast<double>(taken);
  return taken;
}

Duration drain_spread(double release_seconds, Duration hint_jitter) {
  const double jitter = static_cast<double>(hint_jitter.count());
  const double release = release_seconds * 1000.0;
  return Duration(static_cast<Duration::rep>(std::max(jitter - release, std::min(jitter, release / 20))));
}

Duration drain_length(std::size_t initial, double rate, Duration hint_jitter) {
  if (!(rate > 0)) return Duration::max();
  const double length = std::max(static_cast<double>(hint_jitter.count()), 1.05 * release_ms(initial, rate));
  if (length >= static_cast<double>(Duration::max().count())) return Duration::max();
  return Duration(static_cast<Duration::rep>(std::ceil(length)));
}

void DrainPace::start(std::size_t initial, double rate, Duration hint_jitter, SteadyTime now) {
  *this = DrainPace();
  pacer_.start(rate, now);
  hint_jitter_ = hint_jitter;
  began_ = now;
  left_ = initial;
  spread_ = wanted_spread(now);
}

Duration DrainPace::wanted_spread(SteadyTime now) const {
  const double still = pacer_.rate() > 0 ? static_cast<double>(left_) / pacer_.rate() : HUGE_VAL;
  return drain_spread(seconds(now - began_) + still, hint_jitter_);
}

/// How fast those go at most who were released since the last change.
double DrainPace::released_density() const {
  if (spread_ == Duration::zero()) return 0;  // They have gone.
  return std::min(pacer_.rate(), static_cast<double>(given_) / seconds(spread_));
}

void DrainPace::change(double rate, Duration hint_jitter, SteadyTime now) {
  if (rate == pacer_.rate() && hint_jitter == hint_jitter_) return;
  if (now >= departing_until_) departing_ = fastest_ = 0;
  fastest_ = std::max(fastest_, pacer_.rate());
  departing_ = std::min(fastest_, departing_ + released_density());
  if (given_ > 0) departing_until_ = std::max<SteadyTime>(departing_until_, now + spread_);
  given_ = 0;
  pacer_.set_rate(rate, now);
  hint_jitter_ = hint_jitter;
  const Duration wanted = wanted_spread(now);
  if (wanted >= spread_ || departing_ + rate <= kOverlapMax * std::max(fastest_, rate)) spread_ = wanted;
}

std::size_t DrainPace::take(std::size_t wanted, SteadyTime now) {
  const std::size_t taken = pacer_.take(wanted, now);
  left_ -= std::min(left_, taken);
  given_ += taken;
  return taken;
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
