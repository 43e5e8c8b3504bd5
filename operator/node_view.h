// What the operator reads of a Node: where it stands, and whether it is about to go. Pure.
#pragma once

#include <string>

#include "common/kube/resource.h"

namespace sluice::op {

/// Drops what view_node() does not read: a node's status is written every few minutes, and its list of images is long.
void slim_node(kube::Json& node);

struct NodeView {
  std::string name;
  std::string domain;  ///< Label topology.kubernetes.io/zone, or the node's own name where it has none.
  bool going = false;  ///< Cordoned, or an autoscaler has marked it for removal.
  bool ready = true;   ///< As its condition Ready says; an unknown state is not ready.

  bool operator==(const NodeView&) const = default;
};

/// Source: core/v1 Node; the taints that cluster-autoscaler puts on nodes it removes (ToBeDeletedByClusterAutoscaler,
/// DeletionCandidateOfClusterAutoscaler) and Karpenter (karpenter.sh/disrupted).
NodeView view_node(const kube::Json& node);

}  // namespace sluice::op
