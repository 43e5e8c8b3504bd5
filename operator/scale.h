// How many pods there should be, and which of them go: what is made, taken back and drained for scaling, rollouts and
// nodes that go. Pure; a step of plan_gateway.
#pragma once

#include "operator/plan_pods.h"

namespace sluice::op {

/// `canary_percent` as canary.h decides it.
void plan_scale(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, int canary_percent, WallTime now,
                Plan& plan);

}  // namespace sluice::op
