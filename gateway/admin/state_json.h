// The answer to GET /admin/v1/state (docs/design/0001-main-job.md, "Admin API"; 0002-operator.md, "Admin API,
// additions").
#pragma once

#include <string>

#include "gateway/admin/gateway_control.h"

namespace sluice::gateway {

[[nodiscard]] std::string state_json(const GatewaySnapshot& snapshot);

}  // namespace sluice::gateway
