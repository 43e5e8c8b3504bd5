// What the steps of the plan share: the pods by what they are to it, and the actions that are made of them. Pure.
#pragma once

#include <vector>

#include "operator/plan.h"
#include "operator/victim.h"

namespace sluice::op {

using Pods = std::vector<const PodView*>;

/// A pod is in one list; those being deleted are in none.
struct SortedPods {
  Pods live;  ///< They serve or are about to.
  Pods draining;
  Pods finished;  ///< No container of them will ever run again.
};
SortedPods sort_pods(const Observed& seen, WallTime now);

int count_if(const Pods& pods, const auto& predicate) {
  int count = 0;
  for (const PodView* pod : pods) count += predicate(*pod) ? 1 : 0;
  return count;
}

/// Says what keeps a drain from beginning; the first one counts.
void object(Plan& plan, const char* reason, std::string sentence);

/// Nothing has to be moved: it never ran a container, or never will again.
inline bool holds_nothing(const PodView& pod) {
  return pod.container == ContainerState::kNeverStarted || pod.finished;
}
DeletePod without_drain(const PodView& pod);
DrainRecord record_from(DrainReason reason, const GatewaySpec& spec, WallTime now);
StartDrain start_of(const PodView& pod, DrainReason reason, const GatewaySpec& spec, WallTime now);

}  // namespace sluice::op
