// Whether the machines can carry what spec.capacity.connectionsPerPod promises, told before it hurts. Pure.
#pragma once

#include <optional>
#include <string>

#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

struct NodeShortage {
  const char* reason;    ///< Descriptors, Memory, Conntrack or Backlog: the one that hurts first.
  std::string sentence;  ///< Which pod, what it has, what it needs, and where to change it.
};

/// What a pod needs of its machine for connectionsPerPod connections: a descriptor each and some for itself; memory,
/// kernel memory included, as its gateway measures it; an entry each in the connection-tracking table of its node,
/// which all its pods there share; a listen backlog that holds a second of what the reconnect budget sends it. A limit
/// that a gateway does not report (0) is not judged. Nothing where all pods have enough.
std::optional<NodeShortage> node_shortage(const GatewaySpec& spec, const Observed& seen);

}  // namespace sluice::op
