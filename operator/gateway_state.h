// What a gateway says about itself: the body of GET /admin/v1/state, and the answer to PUT and DELETE /admin/v1/drain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::op {

/// A drain that runs inside the gateway.
struct GatewayDrain {
  WallTime started_at{};
  std::string reason;
  WallTime deadline{};
  std::int64_t initial = 0;    ///< Connections when it began.
  std::int64_t remaining = 0;  ///< Connections now.
  double rate = 0;             ///< Connections released a second, as last granted.
};

struct GatewayState {
  std::int64_t connections = 0;       ///< Every one that is not closed yet, whatever its state and protocol.
  std::optional<GatewayDrain> drain;  ///< Set once the gateway has accepted a drain: it takes no new connections.
};

/// Errors: kInvalid where the count of connections, or a field of a running drain, is absent or of a wrong type: a
/// state that cannot be read must never look like zero connections.
Result<GatewayState> parse_gateway_state(std::string_view body);

}  // namespace sluice::op
