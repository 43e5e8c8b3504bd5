// What a shard counts. Written by the shard's thread alone, read by any: relaxed atomics without a locked instruction,
// so that counting costs what it costs a plain integer. Summed over shards when scraped (metrics.h).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"

namespace sluice::gateway {

/// A number with one writer.
class LocalNumber {
 public:
  void add(std::int64_t by) { value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

/// The label `state` of rtgw_connections. kDormant (heartbeat lost, buffers released) stays at 0 until connection
/// governance is built: today a lost heartbeat ends the connection.
enum class ConnectionState : std::uint8_t { kIdle, kActive, kDormant, kClosing };
inline constexpr std::array<const char*, 4> kConnectionStateNames = {"idle", "active", "dormant", "closing"};

/// The label `reason` of rtgw_connections_closed_total: who or what ended an upgraded connection.
enum class CloseCause : std::uint8_t {
  kClient,         ///< The client's close frame came first.
  kDrain,          ///< Released by a drain, or its deadline.
  kShed,           ///< Released by a shed.
  kStale,          ///< A PING stayed unanswered.
  kProtocolError,  ///< 1002.
  kBadData,        ///< 1007.
  kTooLarge,       ///< 1009.
  kSlowConsumer,   ///< 1013.
  kReset,          ///< The stream ended or failed without a close frame.
  kProtocol        ///< Closed by the application protocol.
};
inline constexpr std::array<const char*, 10> kCloseCauseNames = {
    "client",   "drain",     "shed",          "stale", "protocol_error",
    "bad_data", "too_large", "slow_consumer", "reset", "protocol"};

/// The label `result` of rtgw_handshakes_total.
enum class HandshakeResult : std::uint8_t {
  kOk,
  kBadRequest,
  kNotFound,
  kRefused,
  kTimeout,
  kDisconnected,
  kTlsFailed
};
inline constexpr std::array<const char*, 7> kHandshakeResultNames = {"ok",      "bad_request",  "not_found", "refused",
                                                                     "timeout", "disconnected", "tls_failed"};

/// Upper bounds of rtgw_handshake_seconds' buckets.
inline constexpr std::array<double, 16> kHandshakeSecondsBounds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
using HandshakeBuckets = std::array<LocalNumber, kHandshakeSecondsBounds.size() + 1>;

struct ShardStats {
  std::array<LocalNumber, kConnectionStateNames.size()> connections;  ///< By state, now.
  LocalNumber accepted;                                               ///< Sockets.
  LocalNumber accept_failures;                                        ///< accept() found no descriptor or memory.
  LocalNumber opened;                                                 ///< Upgraded.
  std::array<LocalNumber, kCloseCauseNames.size()> closed;            ///< Upgraded ones that ended.
  LocalNumber closed_clean;                                           ///< Of them, clean ones (outcomes.h).
  std::array<LocalNumber, kHandshakeResultNames.size()> handshakes;
  LocalNumber handshakes_failed;  ///< Of them, those that we failed (outcomes.h).
  LocalNumber handshakes_slow;    ///< Upgraded ones that took longer than admission.handshakeP99 from being let in.
  HandshakeBuckets handshake_buckets;
  LocalNumber handshake_microseconds;
  LocalNumber messages_received;
  LocalNumber messages_sent;
  LocalNumber bytes_received;
  LocalNumber bytes_sent;
  LocalNumber send_queue_bytes;  ///< Memory held by send queues, now.
  LocalNumber slow_consumer_closes;
  LocalNumber hintable;       ///< Open connections that understand hints, now.
  LocalNumber session_state;  ///< Pieces of state that protocols hold for their sessions, now (protocol.h).
  /// The drain or shed that the two below count for; set last, read first. The process may be in the next one already.
  std::atomic<std::uint32_t> release_epoch = 0;
  LocalNumber hinted;    ///< Connections that got a hint in it.
  LocalNumber released;  ///< Connections released by it that are still open.

  void observe_handshake(SteadyTime::duration took);

  struct ReleaseCounts {
    std::int64_t hinted = 0;
    std::int64_t released = 0;
  };
  /// Of the drain or shed `epoch`: nothing while the shard has not heard of it and still counts for an earlier one.
  [[nodiscard]] ReleaseCounts release_counts(std::uint32_t epoch) const;
  /// The shard begins to count for the drain or shed `epoch`.
  void begin_release(std::uint32_t epoch);
};

}  // namespace sluice::gateway
