#include "operator/progress.h"

#include <algorithm>

namespace sluice::op {
namespace {

/// The better of both, in each count.
ProgressCounts better(const ProgressCounts& a, const ProgressCounts& b) {
  return {.updated = std::max(a.updated, b.updated),
          .updated_available = std::max(a.updated_available, b.updated_available),
          .former = std::min(a.former, b.former),
          .available = std::max(a.available, b.available)};
}

}  // namespace

ProgressDecision decide_progress(const GatewaySpec& spec, const ProgressMark& before, Duration age,
                                 const ProgressInput& input) {
  const bool known = !before.aim.empty();
  const bool idle = input.held || input.at_target;
  const bool another = before.aim != input.aim || before.idle;
  ProgressDecision decision{.mark = {.aim = input.aim,
                                     .best = another ? input.counts : better(before.best, input.counts),
                                     .idle = idle,
                                     .exceeded = false},
                            .moved = true,
                            .wake_after = std::nullopt};
  if (!known || another || idle || decision.mark.best != before.best) {
    decision.mark.exceeded = !known && input.was_exceeded && !idle;
    if (!idle) decision.wake_after = spec.progress_deadline;
    return decision;
  }
  decision.moved = false;
  decision.mark.exceeded = before.exceeded || age >= spec.progress_deadline;
  if (!decision.mark.exceeded) decision.wake_after = spec.progress_deadline - age;
  return decision;
}

}  // namespace sluice::op
