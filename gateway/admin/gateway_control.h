// What the admin API sees of the gateway: so small that a test can stand in for a whole process.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "gateway/admin/machine_limits.h"
#include "gateway/admin/peers.h"
#include "gateway/drain/controller.h"
#include "gateway/outcomes.h"
#include "gateway/stats.h"

namespace sluice::gateway {

/// The gateway at one moment, summed over its shards.
struct GatewaySnapshot {
  std::array<std::int64_t, kConnectionStateNames.size()> connections{};  ///< By state.
  std::optional<DrainReport> drain;
  std::int64_t drain_hinted = 0;
  double handshake_p99_seconds = 0;
  double accepts_per_second = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t kernel_bytes = 0;
  std::size_t tasks_queued = 0;
  std::size_t tasks_in_flight = 0;
  std::optional<ShedReport> shed;
  std::optional<WallTime> termination_deadline;  ///< Nothing while the process is not terminating.
  Totals totals;
  std::int64_t opened = 0;  ///< Accepted upgrades since the start.
  MachineLimits limits;
  std::uint64_t bytes_per_connection = 0;  ///< admin/costs.h
  double session_cost = 1;                 ///< admin/costs.h

  /// Connections that a drain waits for: upgraded ones, until they are closed. `connections.total` of the state, too.
  [[nodiscard]] std::int64_t remaining() const;
};

/// Threads: the admin server's.
class GatewayControl {
 public:
  virtual ~GatewayControl() = default;
  [[nodiscard]] virtual GatewaySnapshot snapshot() = 0;
  virtual void start_drain(const DrainRequest& request) = 0;
  /// Errors: kConflict (the process is terminating).
  virtual Status cancel_drain() = 0;
  /// Errors: kConflict (a drain runs).
  virtual Status start_shed(const ShedRequest& request) = 0;
  virtual void cancel_shed() = 0;
  /// The operator tells how another gateway of the fleet is.
  virtual void note_peer(const PeerStatus& peer) = 0;
};

}  // namespace sluice::gateway
