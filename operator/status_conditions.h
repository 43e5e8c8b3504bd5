// status.conditions: what the gateway is doing, why, until when, and what is in its way. Pure.
#pragma once

#include "common/kube/resource.h"
#include "operator/plan.h"
#include "operator/problem.h"
#include "operator/status_counts.h"

namespace sluice::op {

/// A list of metav1.Condition. Each keeps the lastTransitionTime of `gateway`'s present status while it does not
/// change.
kube::Json conditions_json(const kube::Json& gateway, const GatewaySpec& spec, const Observed& seen,
                           const StatusCounts& counts, const Plan& plan, const Problem& problem, WallTime now);

}  // namespace sluice::op
