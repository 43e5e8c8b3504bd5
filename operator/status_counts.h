// The pods of a RealtimeGateway, counted as status.* shows them. Pure.
#pragma once

#include <cstdint>

#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

struct StatusCounts {
  int live = 0;
  int ready = 0;
  int available = 0;
  int updated = 0;
  int offline = 0;  ///< Out of the fleet: in none of the counts above.
  int draining = 0;
  std::int64_t connections = 0;
  std::int64_t connections_draining = 0;  ///< On pods that drain, or are being deleted.
  double reconnects_per_second = 0;       ///< Connections that those may be letting go a second.
  bool all_heard = true;  ///< Every gateway that runs has answered, or failed to, since this process began.
};

StatusCounts count_pods(const GatewaySpec& spec, const Observed& seen, WallTime now);

}  // namespace sluice::op
