// How a newer template replaces the pods of a former one: how many pods of either there should be now. Pure.
//
// Source: apps/v1 Deployment (surge, unavailable), StatefulSet (partition), and the canary steps of Argo Rollouts; what
// is ours is that each pod that goes is drained, and that a step is judged by connections (canary.h).
#pragma once

#include "operator/spec.h"

namespace sluice::op {

/// Pods that serve or are about to, by revision.
struct RevisionCounts {
  int updated = 0;  ///< Of the newest revision.
  int former = 0;   ///< Of any other.
};

struct RolloutTarget {
  int updated = 0;        ///< Pods of the newest revision wanted now.
  int former = 0;         ///< Pods of the former one; both together are spec.replicas.
  int live_max = 0;       ///< Pods of both together, at most, while it goes on.
  int available_min = 0;  ///< A pod that serves only goes while so many others do.

  bool operator==(const RolloutTarget&) const = default;
};

/// How many pods of the newest revision a partition and a canary step allow, whatever there is already.
int updated_allowed(const GatewaySpec& spec, int canary_percent);

/// `canary_percent`: what the present canary step lets be updated; 100 past the last one (canary.h). `former_known`:
/// the former revision's template can still be read, so that pods of it can be made. A pod is never replaced by one of
/// a former revision: where more are updated than the partition or a step asks for, they stay.
RolloutTarget rollout_target(const GatewaySpec& spec, const RevisionCounts& live, int canary_percent,
                             bool former_known);

}  // namespace sluice::op
