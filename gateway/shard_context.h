// What the connections of a shard share. One a shard; outlives them. Threads: the shard's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "gateway/admission/door.h"
#include "gateway/config.h"
#include "gateway/drain/controller.h"
#include "gateway/engine/event_loop.h"
#include "gateway/protocols/protocol.h"
#include "gateway/stats.h"

namespace sluice::gateway {

struct ShardContext {
  EventLoop& loop;
  const Config& config;
  ShardStats& stats;
  DrainController& drain;
  AdmissionDoor& admission;
  Random& random;
  ReleaseView release{};  ///< The drain or the shed, as the shard last heard of it.
  std::vector<std::unique_ptr<Protocol>> protocols{};
  std::vector<ConnectionId> touched{};   ///< Connections to settle at the end of the tick.
  std::vector<ConnectionId> deferred{};  ///< Connections that go on in the next tick.
  BlockRef ping{};                       ///< One PING frame for all: a heartbeat allocates nothing.
  std::string plain{};                   ///< Where transports decrypt to; used within one completion.
};

}  // namespace sluice::gateway
