// What a rollout is doing, in sentences: the conditions Available, Progressing, Paused and CanaryHealthy, and the
// column Rollout. Each says what, why, until when and what is in its way. Pure.
#pragma once

#include <string>

#include "operator/condition.h"
#include "operator/plan.h"
#include "operator/problem.h"
#include "operator/status_counts.h"

namespace sluice::op {

/// What the sentences are about: the plan just carried out, and what there is after it.
struct RolloutStory {
  const GatewaySpec& spec;
  const Observed& seen;
  const StatusCounts& counts;
  const Plan& plan;
  const Problem& problem;
  WallTime now;
};

Condition available_condition(const RolloutStory& story);
Condition progressing_condition(const RolloutStory& story);
Condition paused_condition(const RolloutStory& story);
Condition canary_condition(const RolloutStory& story);

/// "Canary 40%", "Rolling 60%", "Paused 60%", "Halted 5%", "Stalled 60%", "Partition 60%", "OnDelete 60%", "Refused",
/// "Complete": the column of `kubectl get`.
std::string rollout_summary(const RolloutStory& story);

}  // namespace sluice::op
