// What the operator reads of a Node: where it stands, and whether it is about to go. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/kube/protobuf.h"
#include "common/kube/resource.h"

namespace sluice::op {

/// What view_node() reads: a node's status is written every few minutes, and its list of images is long.
extern const kube::ProtobufMessage kSlimNode;
inline const kube::Resource kSlimNodes = kube::kNodes.read_as(kSlimNode);

struct NodeView {
  std::string name;
  std::string domain;  ///< Label topology.kubernetes.io/zone, or the node's own name where it has none.
  bool going = false;  ///< Cordoned, or an autoscaler has marked it for removal.
  std::optional<WallTime> going_since;  ///< Only where going and a taint says so: the newest of them.
  bool ready = true;                    ///< As its condition Ready says; an unknown state is not ready.

  bool operator==(const NodeView&) const = default;
};

/// When it was marked: the taint's timeAdded (the node controller writes it on the taint that follows a cordon), or its
/// value, where cluster-autoscaler writes the time in seconds since 1970.
/// Source: core/v1 Node; the taints that cluster-autoscaler puts on nodes it removes (ToBeDeletedByClusterAutoscaler,
/// DeletionCandidateOfClusterAutoscaler) and Karpenter (karpenter.sh/disrupted).
NodeView view_node(const kube::Json& node);

/// As the cache hands it out; null where there is no such node.
using NodePtr = std::shared_ptr<const NodeView>;

}  // namespace sluice::op
