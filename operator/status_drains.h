// status.drains: what each drain has left and when it will be over. Pure.
#pragma once

#include <vector>

#include "common/kube/resource.h"
#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

/// Pods that drain, the oldest drain first.
std::vector<const PodView*> drains_of(const Observed& seen);

/// At most kStatusDrainsMax of `drains`.
kube::Json drains_json(const std::vector<const PodView*>& drains, const GatewaySpec& spec, const Observed& seen,
                       WallTime now);

}  // namespace sluice::op
