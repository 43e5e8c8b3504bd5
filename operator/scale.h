// How many pods there should be, and which of them go: what is made, taken back and drained for scaling, rollouts and
// nodes that go. Pure; a step of plan_gateway.
#pragma once

#include "operator/plan_pods.h"

namespace sluice::op {

/// Goes by `plan.canary`; what it aims at is left in `plan.rollout`.
void plan_scale(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan);

}  // namespace sluice::op
