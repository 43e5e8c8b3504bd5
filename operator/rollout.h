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

  bool operator==(const RevisionCounts&) const = default;
};

struct RolloutInput {
  RevisionCounts live;
  bool former_known = false;  ///< Pods of the former revision can be made.
  bool going_back = false;    ///< The newest is what the fleet was on: neither steps nor partition keep it waiting.
  bool held = false;          ///< Paused, halted by a gate, or the newest template is refused.
  bool comparing = false;     ///< A canary step with gates is under way: they need a pod to compare with.
  int canary_percent = 100;   ///< What the present canary step lets be updated; 100 past the last one (canary.h).
};

struct RolloutTarget {
  int updated = 0;        ///< Pods of the newest revision wanted now.
  int former = 0;         ///< Pods of the former one; both together are spec.replicas.
  int former_kept = 0;    ///< So many of the former ones stay, whatever goes: in a scale-down newer ones go then.
  int live_max = 0;       ///< Pods of both together, at most, while it goes on.
  int available_min = 0;  ///< A pod that serves only goes while so many others do.

  bool operator==(const RolloutTarget&) const = default;
};

/// How many pods of the newest revision a partition and a canary step allow, whatever there is already.
int updated_allowed(const GatewaySpec& spec, int canary_percent);

/// A pod is never replaced by one of a former revision: where more are updated than the partition or a step asks for,
/// they stay, and a scale-down takes from them what is too much.
RolloutTarget rollout_target(const GatewaySpec& spec, const RolloutInput& input);

/// Whether nothing is left of the former revision and nothing keeps the newest from being all there is: what
/// status.currentRevision waits for. `live` as in RolloutInput.
bool rollout_complete(const GatewaySpec& spec, const RevisionCounts& live, const RolloutTarget& target);

}  // namespace sluice::op
