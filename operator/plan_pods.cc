#include "operator/plan_pods.h"

#include <utility>

#include "operator/limits.h"

namespace sluice::op {

SortedPods sort_pods(const Observed& seen, WallTime now) {
  SortedPods sorted;
  for (const PodView& pod : seen.pods) {
    if (pod.terminating) continue;
    if (pod.finished && !pod.draining()) {
      // A young one keeps its place for a while: whatever refuses it would refuse the next one too.
      (now - pod.created < kReplaceDelay ? sorted.live : sorted.finished).push_back(&pod);
    } else {
      (pod.draining() ? sorted.draining : sorted.live).push_back(&pod);
    }
  }
  return sorted;
}

void object(Plan& plan, const char* reason, std::string sentence) {
  if (!plan.objection.empty()) return;
  plan.objection = std::move(sentence);
  plan.objection_reason = reason;
}

DeletePod without_drain(const PodView& pod) {
  const bool never = pod.container == ContainerState::kNeverStarted && !pod.finished;
  return {.pod = ref_to(pod),
          .reason = never ? DeleteReason::kNeverStarted : DeleteReason::kStopped,
          .record = std::nullopt,
          .initial = std::nullopt,
          .connections = std::nullopt};
}

DrainRecord record_from(DrainReason reason, const GatewaySpec& spec, WallTime now) {
  return {.reason = reason, .started_at = now, .deadline = now + spec.drain.timeout, .frozen_at = std::nullopt};
}

StartDrain start_of(const PodView& pod, DrainReason reason, const GatewaySpec& spec, WallTime now) {
  return {.pod = ref_to(pod),
          .record = record_from(reason, spec, now),
          .connections = pod.state ? std::optional(pod.state->connections) : std::nullopt,
          .cost = std::nullopt,
          .chosen = false,
          .why = {},
          .runner_up = {},
          .runner_up_connections = std::nullopt,
          .runner_up_cost = std::nullopt};
}

}  // namespace sluice::op
