// status.offline: pods that are out of the fleet and what they wait for; status.rebalance: who is relieved. Pure.
#pragma once

#include <string>

#include "common/kube/resource.h"
#include "operator/condition.h"
#include "operator/model.h"
#include "operator/plan.h"
#include "operator/spec.h"

namespace sluice::op {

/// At most kStatusOfflineMax pods, those that have been out for the longest time first.
kube::Json offline_json(const Observed& seen, const GatewaySpec& spec);

/// "edge-x is Offline since 12:00:05 (HeartbeatTimeout, severity 3), and 1 more"; empty where none is out.
std::string offline_sentence(const Observed& seen, const GatewaySpec& spec);

/// PodsOffline.
Condition offline_condition(const Observed& seen, const Plan& plan, const GatewaySpec& spec);

/// {"phase": "None" | "Arrivals" | "Move", "pods": [at most kStatusOfflineMax]}.
kube::Json rebalance_json(const Observed& seen, const GatewaySpec& spec, const Plan& plan);

}  // namespace sluice::op
