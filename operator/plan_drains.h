// The part of the plan that drives running drains. Pure.
#pragma once

#include <vector>

#include "operator/plan.h"

namespace sluice::op {

/// What every draining pod of `draining` needs now: its share of the budget, its deletion, or time.
void plan_drains(const GatewaySpec& spec, const std::vector<const PodView*>& draining, int receivers, WallTime now,
                 Plan& plan);

}  // namespace sluice::op
