// What a gateway says about itself: the body of GET /admin/v1/state, and the answer to PUT and DELETE /admin/v1/drain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/boxed.h"
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

/// Connections that a gateway releases while it goes on taking new ones.
struct GatewayShed {
  std::string id;              ///< Of the order.
  std::int64_t initial = 0;    ///< Connections that it found to release: those that understand hints.
  std::int64_t remaining = 0;  ///< Of them, those that are still to go.
  double rate = 0;             ///< Connections released a second.
};

/// What has happened since the gateway's process began.
struct GatewayTotals {
  std::int64_t handshakes_ok = 0;
  std::int64_t handshakes_failed = 0;  ///< The gateway's own doing; requests that make no sense do not count.
  std::int64_t closes_clean = 0;
  std::int64_t closes_abnormal = 0;
  std::int64_t resumes_ok = 0;
  std::int64_t resumes_failed = 0;

  GatewayTotals& operator+=(const GatewayTotals& other);
  GatewayTotals& operator-=(const GatewayTotals& other);
  bool operator==(const GatewayTotals&) const = default;
};

/// What the machine lets a gateway have; 0 where it does not say.
struct GatewayLimits {
  std::int64_t descriptors = 0;     ///< RLIMIT_NOFILE.
  std::int64_t backlog = 0;         ///< net.core.somaxconn.
  std::int64_t conntrack = 0;       ///< net.netfilter.nf_conntrack_max.
  std::int64_t memory_bytes = 0;    ///< The container's limit.
  double bytes_per_connection = 0;  ///< With kernel memory, as measured; 0 with few connections.
};

/// What a gateway is told of its drain, beside the rate.
struct DrainTerms {
  std::string reason;
  WallTime deadline{};  ///< What is left then it closes at once.
  int close_code = 1012;
  Duration hint_jitter{0};  ///< Departures are spread over at least this.

  bool operator==(const DrainTerms&) const = default;
};

struct GatewayState {
  std::int64_t connections = 0;  ///< Every one that is not closed yet, whatever its state and protocol.
  Boxed<GatewayDrain> drain;     ///< Set once the gateway has accepted a drain: it takes no new connections.
  Boxed<GatewayShed> shed;
  std::optional<WallTime> ends_at;  ///< It was told to end: when it closes what is left.
  double session_cost = 1;          ///< What moving one of its connections costs, 1 for one without any state.
  double handshake_p99_seconds = 0;
  double accepted_per_second = 0;
  std::int64_t opened = 0;  ///< Connections since its process began.
  GatewayTotals totals;
  GatewayLimits limits;
};

/// Errors: kInvalid where the count of connections, or a field of a running drain, is absent or of a wrong type: a
/// state that cannot be read must never look like zero connections.
Result<GatewayState> parse_gateway_state(std::string_view body);

}  // namespace sluice::op
