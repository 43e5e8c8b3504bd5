// Whether those who stay can carry those who go. Pure.
#pragma once

#include <optional>
#include <string>

#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

/// Pods that carry connections, also those that a canary or a rebalance keeps out of the endpoints for a while.
int carriers_of(const Observed& seen);

/// A sentence where the connections of the fleet, spread over all ready pods but `leaving` of them, would come to more
/// a pod than scaleDown.capacityGuardPercent of capacity.connectionsPerPod; nothing where they would not, or where no
/// pod is wanted at all.
std::optional<std::string> capacity_objection(const GatewaySpec& spec, const Observed& seen, int leaving);

}  // namespace sluice::op
