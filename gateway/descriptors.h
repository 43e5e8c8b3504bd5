// How the process's file descriptors are shared out: so many for clients that probes, scrapes and the operator always
// find one. A gateway that cannot accept a probe is killed, and with it everyone who is connected.
#pragma once

#include <cstdint>

#include "gateway/admin/http_server.h"
#include "gateway/engine/io.h"

namespace sluice::gateway {

/// Sockets of the process beyond limits.connections that are taken to be told 503; more are cut as they are accepted.
inline constexpr std::uint32_t kRefusalsMax = 256;
/// Listeners of the admin server: admin API, metrics and probes.
inline constexpr std::uint32_t kAdminListeners = 2;
/// Log, signals, and files that are read for a moment: keys, certificates, memory figures.
inline constexpr std::uint32_t kFilesMax = 64;
/// Descriptors of the process that are no client's within limits.connections.
inline constexpr std::uint32_t kOtherDescriptors = 768;
static_assert(kOtherDescriptors >=
                  kRefusalsMax + kFilesMax +
                      kAdminListeners * (1 + HttpServer::kConnectionsPerListenerMax + kAcceptsPerPollMax),
              "whatever clients do, the admin server finds a descriptor");
/// Further ones of each shard: epoll, its wake-up, two listeners, and what these have accepted but nobody has judged.
inline constexpr std::uint32_t kShardDescriptors = 4 + 2 * kAcceptsPerPollMax;

/// What `shards` shards need besides their clients' connections.
[[nodiscard]] constexpr std::uint64_t reserved_descriptors(int shards) {
  return kOtherDescriptors + static_cast<std::uint64_t>(shards) * kShardDescriptors;
}

/// `connections`, or as many as `descriptors` leave room for; 0 where they are too few for a gateway.
[[nodiscard]] constexpr std::uint32_t connections_within(std::uint64_t descriptors, int shards,
                                                         std::uint32_t connections) {
  const std::uint64_t reserved = reserved_descriptors(shards);
  if (descriptors <= reserved) return 0;
  return descriptors - reserved < connections ? static_cast<std::uint32_t>(descriptors - reserved) : connections;
}

}  // namespace sluice::gateway
