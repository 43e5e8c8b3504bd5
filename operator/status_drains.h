// status.drains and status.budget: what each drain has left and when it will be over, and what all of them may use.
// Pure.
#pragma once

#include <vector>

#include "common/kube/resource.h"
#include "operator/releases.h"

namespace sluice::op {

/// At most kStatusDrainsMax of `releases`.
kube::Json drains_json(const std::vector<Release>& releases, const GatewaySpec& spec, WallTime now);

/// {"perSecond", "granted", "throttlePercent"}: connections/s that all may use, those that they may be using, and the
/// part of the budget that the receivers' handshakes leave.
kube::Json budget_json(const GatewaySpec& spec, const Observed& seen, WallTime now);

}  // namespace sluice::op
