#include "gateway/admission/admission.h"

#include <algorithm>
#include <cmath>

namespace sluice::gateway {

Admission::Admission(const AdmissionLimits& limits, SteadyTime now) : limits_(limits), adjusted_(now) {
  // A gateway that has just begun has been idle: what a bucket saves up is there.
  pacer_.start(limits.per_second, now - TokenPacer::kBurst);
}

Admission::Answer Admission::arrive(SteadyTime now) {
  if (waiting() == 0 && pacer_.take(1, now) == 1) {
    ++entered_;
    return {.verdict = Verdict::kEnter};
  }
  used_up_ = true;
  if (waiting() < limits_.queue) return {.verdict = Verdict::kWait, .ticket = next_++};
  ++refused_;
  return {.verdict = Verdict::kRefuse};
}

std::uint64_t Admission::call(SteadyTime now) {
  const std::size_t tokens = pacer_.take(waiting(), now);
  called_ += tokens;
  entered_ += static_cast<double>(tokens);
  return called_;
}

Admission::Speed Admission::speed() const {
  const std::int64_t finished = samples_.back().finished - samples_.front().finished;
  const std::int64_t slow = samples_.back().slow - samples_.front().slow;
  if (finished <= 0) return Speed::kUnknown;
  return slow * 100 <= finished ? Speed::kHolds : Speed::kBroken;
}

void Admission::adjust(SteadyTime now, std::int64_t finished, std::int64_t slow) {
  if (now - adjusted_ < kAdjustLeast) return;
  const double seconds = std::chrono::duration<double>(now - adjusted_).count();
  samples_.push_back({finished, slow});
  // One more than kSamplesMax: the seconds lie between them.
  if (samples_.size() > kSamplesMax + 1) samples_.pop_front();
  const Speed how = speed();
  double rate = pacer_.rate();
  if (how == Speed::kBroken || entered_ < rate * seconds / 2) {
    rate = std::max(limits_.per_second, rate / kGrowth);
  } else if (used_up_ && how == Speed::kHolds) {
    rate = std::min(limits_.per_second_max, rate * kGrowth);
  }
  if (rate != pacer_.rate()) pacer_.set_rate(rate, now);
  adjusted_ = now;
  entered_ = 0;
  used_up_ = waiting() > 0;
  refused_before_that_ = refused_before_;
  refused_before_ = refused_;
}

std::uint32_t Admission::retry_within_seconds() const {
  const double crowd = static_cast<double>(waiting() + (refused_ - refused_before_that_));
  const double seconds = 1 + std::ceil(crowd / pacer_.rate());
  return static_cast<std::uint32_t>(
      std::clamp(seconds, static_cast<double>(kRetryAfterLeast), static_cast<double>(kRetryAfterMost)));
}

}  // namespace sluice::gateway
