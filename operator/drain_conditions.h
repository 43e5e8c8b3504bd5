// The conditions that tell of drains: what goes, why, until when, what is in its way, and what a person can do. Pure.
#pragma once

#include <vector>

#include "operator/condition.h"
#include "operator/plan.h"

namespace sluice::op {

/// Draining, DrainWillTimeOut, ScaleDownBlocked, BudgetExhausted and NodeLimits, each of them whether it holds or not.
/// Their figures move with every poll: status_news() (status.h) calls them counts.
std::vector<Condition> drain_conditions(const kube::Json& gateway, const GatewaySpec& spec, const Observed& seen,
                                        const Plan& plan, WallTime now);

}  // namespace sluice::op
