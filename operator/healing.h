// Self-healing: which pods are out of the fleet because they cannot be reached, and how they come back. Pure; a step of
// plan_gateway.
//
//   in the fleet ──(severity >= 3, within the limit)──► Offline ──(probes succeed)──► PendingRejoin
//        ▲                                                 ▲                                │ spec.healing.observe
//        └──(100 %)── GrayTraffic ◄────────────────────────┼────────────────────────────────┘
//                          └──────────(a relapse)──────────┘   from any phase
//
// Nobody is put out by our own word alone: from severity 3 on the kubelet agrees, or says itself that the container
// keeps ending. So what is put out is out of the endpoints already; being offline makes it stay so until it has proved
// itself, and tells everybody. A pod that drains is left to its drain.
#pragma once

#include <optional>
#include <string>

#include "operator/plan_pods.h"

namespace sluice::op {

/// What was heard of a pod, and how bad it is: 1 and 2 are only watched, from 3 on it may be put out.
struct Heard {
  HealthEvent event = HealthEvent::kHeartbeatTimeout;
  int severity = 1;
  std::string why;  ///< "no answer for 12s, and the kubelet says not ready".
};

/// HeartbeatTimeout: 1 a missed poll; 2 kMissedPolls of them; 3 none answered for spec.healing.timeout and the kubelet
/// says not ready; 4 and its node is not ready. ConnectionLost: 2 refused or cut; 3 and the kubelet says not ready; 5
/// the container is in back-off. Nothing where the last poll was answered, or nobody polls.
/// A gateway that has never answered this process and refuses connections may be starting: 2 at most.
std::optional<Heard> judge(const PodView& pod, const GatewaySpec& spec);

/// Of `pods` so many may be out at once: spec.healing.maxKickedPercent, at least one where there are two or more; none
/// where that is 0.
int kicked_max(const GatewaySpec& spec, int pods);

/// More than half of all polls fail: rather we are cut off than they.
bool cut_off(const Observed& seen);

/// How long a share of gray traffic holds before it may double: a quarter of spec.healing.observe, within bounds.
Duration gray_interval(const GatewaySpec& spec);

/// Connections that a gray pod may take in an interval: `percent` of what a serving pod takes in that time, at least
/// one.
std::int64_t gray_share(const GatewaySpec& spec, const Observed& seen, int percent);

/// Whether a pod whose phase Offline began so long ago is to be replaced. `now` and the record alone decide.
bool past_saving(const PodView& pod, const GatewaySpec& spec, WallTime now);

/// Fills plan.health, plan.probes, plan.traffic_off, plan.watched and plan.kicks_held.
void plan_healing(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan);

}  // namespace sluice::op
