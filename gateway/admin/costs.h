// What connections cost: in memory, for who sizes pods, and to move, for who chooses the pod that goes. Pure.
#pragma once

#include <cstdint>

namespace sluice::gateway {

/// Below so many connections the figure would say more about the process than about them.
inline constexpr std::int64_t kMeasurableConnections = 100;
/// Bytes a connection: memory of the process and of the kernel for it (admin/memory.h) beyond `idle_bytes`, what both
/// were before the first client came. 0 with fewer than kMeasurableConnections.
[[nodiscard]] std::uint64_t bytes_per_connection(std::uint64_t bytes, std::uint64_t idle_bytes,
                                                 std::int64_t connections);

/// What a client has to send again after a move costs so much of a handshake, each piece.
inline constexpr double kPieceCost = 0.1;
/// As if every connection had as many topics as one may have.
inline constexpr double kSessionCostMax = 1 + kPieceCost * 256;
/// How much dearer the mean connection is to move than a bare one: 1 + kPieceCost x pieces / connections, where
/// `pieces` counts subscribed topics, from 1 (also without connections) to kSessionCostMax. Moving a bare connection is
/// one handshake (measured: 23 us of CPU, 527 us with TLS), each topic one message more (10 us): 0.43 of a plain
/// handshake, 0.02 of one with TLS, and kPieceCost is the geometric mean.
[[nodiscard]] double session_cost(std::int64_t connections, std::int64_t pieces);

}  // namespace sluice::gateway
