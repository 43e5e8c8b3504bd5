// Which stable pods leave the endpoints so that a canary gets its samples (onInsufficientSamples: Shift). Pure.
//
// As many stay as there are canary pods, so that the canary gets half of what arrives: enough for samples soon, and a
// canary that is no good meets no more than half of the new connections. More stay where the canary's pods could
// otherwise come to hold more than scaleDown.capacityGuardPercent allows, by the samples that it lacks or by the loss
// of the fullest stable pod.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "operator/plan_pods.h"

namespace sluice::op {

struct CanaryShift {
  std::set<std::string> off;  ///< UIDs of pods that are to leave the endpoints.
  std::string objection;      ///< Why none can, though some should; empty where none is in the way.
};

/// `missing`: samples that the canary lacks; each is taken for one more connection. Pods that are off already stay so
/// before others leave. Nobody leaves while a pod of the canary is not ready, or there are none.
CanaryShift shift_to_canary(const Pods& live, const GatewaySpec& spec, const std::string& revision,
                            std::int64_t missing);

}  // namespace sluice::op
