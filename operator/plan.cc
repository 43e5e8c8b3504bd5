#include "operator/plan.h"

#include <algorithm>
#include <set>

#include "common/base/contract.h"
#include "operator/canary_shift.h"
#include "operator/healing.h"
#include "operator/limits.h"
#include "operator/plan_drains.h"
#include "operator/plan_pods.h"
#include "operator/pod_state.h"
#include "operator/rebalance.h"
#include "operator/rollout.h"
#include "operator/scale.h"

namespace sluice::op {
namespace {

/// A whole gateway goes: all pods drain together, since none is left to receive from the others. While drains are
/// frozen they go on serving: out of the endpoints they could neither serve nor go.
void drain_everything(const SortedPods& pods, const GatewaySpec& spec, WallTime now, Plan& plan) {
  for (const PodView* pod : pods.live) {
    if (holds_nothing(*pod)) {
      plan.remove.push_back(without_drain(*pod));
      continue;
    }
    if (spec.drain_freeze) {
      object(plan, "DrainFreeze", "spec.drainFreeze is true: the gateway's pods serve on until it is false");
      continue;
    }
    plan.start.push_back(start_of(*pod, DrainReason::kDelete, spec, now));
    plan.wake_within(spec.drain.propagation_delay);
  }
}

constexpr const char* kEdited = "labels put right";

/// Labels follow the annotation, and gateways follow their pods.
void repair(const SortedPods& pods, const GatewaySpec& spec, WallTime now, Plan& plan) {
  const std::set<std::string> touched = touched_by(plan);
  for (const PodView* pod : pods.draining) {
    if (touched.contains(pod->uid)) continue;
    if (!pod->drain) {
      // Somebody has edited the record. The pod is out of the endpoints: its drain begins again.
      plan.start.push_back(start_of(*pod, DrainReason::kScaleDown, spec, now));
    } else if (!is_labelled(*pod, kStateDraining, false)) {
      plan.relabel.push_back({ref_to(*pod), kStateDraining, false, kEdited});
    }
  }
  for (const PodView* pod : pods.live) {
    if (touched.contains(pod->uid)) continue;
    const char* state = state_of(pod->health);
    const bool traffic = !pod->offline() && !plan.traffic_off.contains(pod->uid);
    const bool unreadable = pod->health_annotated && !pod->health;
    // A rate that a drain has left behind, which somebody has ended by hand, would be reserved by a later leader.
    const bool leftover = pod->rate_recorded > 0 && pod->state && !pod->state->drain && !pod->state->shed &&
                          !plan.rebalanced.contains(pod->uid);
    if (!is_labelled(*pod, state, traffic) || leftover || unreadable) {
      plan.relabel.push_back({ref_to(*pod), state, traffic, traffic ? kEdited : "left the endpoints", leftover});
    }
    const bool stray = pod->container == ContainerState::kRunning && pod->state && pod->state->drain &&
                       parse_drain_reason(pod->state->drain->reason);
    if (!stray) continue;
    if (pod->failure_age && *pod->failure_age < kAdminRetry) {
      plan.wake_within(kAdminRetry);
    } else {
      plan.undrain.push_back(ref_to(*pod));
    }
  }
}

/// The steps as they stood.
CanaryDecision undecided(const Observed& seen, const GatewaySpec& spec) {
  const auto& steps = spec.rollout.canary.steps;
  const auto step = static_cast<std::size_t>(seen.canary.step);
  CanaryDecision decision;
  decision.progress = seen.canary;
  if (seen.canary.phase == CanaryPhase::kDone) return decision;
  if (step < steps.size()) decision.percent = decision.allowed_percent = steps[step].percent;
  decision.stepping = seen.canary.revision == seen.revision;
  return decision;
}

/// A template that the API server refuses is rolled out nowhere: its steps have not begun.
CanaryDecision step_canary(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now) {
  if (!seen.template_error.empty()) return undecided(seen, spec);
  const auto& steps = spec.rollout.canary.steps;
  const auto step = static_cast<std::size_t>(seen.canary.revision == seen.revision ? seen.canary.step : 0);
  const int wanted = step < steps.size() ? updated_allowed(spec, steps[step].percent) : 0;
  const int available = count_if(
      pods.live, [&](const PodView& pod) { return pod.revision == seen.revision && is_available(pod, spec, now); });
  const int former = count_if(pods.live, [&](const PodView& pod) { return pod.revision != seen.revision; });
  const bool back = seen.current_revision == seen.revision;
  // What was counted is of the revision that the status speaks of: it says nothing of another one.
  const bool ours = seen.canary.revision == seen.revision;
  return decide_canary(spec, seen.canary,
                       {.revision = seen.revision,
                        .rolling = !back && (former > 0 || !seen.former_revision.empty()),
                        .step_available = available >= wanted,
                        .samples = ours ? seen.samples : CanarySamples{},
                        .promoted = seen.promoted,
                        .step_pods = wanted},
                       now);
}

void shift(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, Plan& plan) {
  if (plan.canary.shift_for == 0) return;
  CanaryShift shift = shift_to_canary(pods.live, spec, seen.revision, plan.canary.shift_for);
  plan.traffic_off.merge(shift.off);
  plan.shift_objection = std::move(shift.objection);
}

ProgressDecision step_progress(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now,
                               const Plan& plan) {
  const auto available = [&](const PodView& pod) { return is_available(pod, spec, now); };
  const auto updated = [&](const PodView& pod) { return pod.revision == seen.revision; };
  const ProgressCounts counts{
      .updated = count_if(pods.live, updated),
      .updated_available = count_if(pods.live, [&](const PodView& pod) { return updated(pod) && available(pod); }),
      .former = count_if(pods.live, [&](const PodView& pod) { return !updated(pod); }),
      .available = count_if(pods.live, available)};
  const RolloutTarget& target = plan.rollout;
  const bool rolled = counts.updated >= target.updated && counts.former <= std::max(target.former, target.former_kept);
  const bool halted = plan.canary.progress.phase == CanaryPhase::kHalted;
  return decide_progress(
      spec, seen.progress, seen.progress_age,
      // Not the replicas: an autoscaler that changes them all the time must not hide what stands still.
      {.aim = seen.revision + "/" + std::to_string(plan.canary.progress.step),
       .counts = counts,
       .at_target = rolled && counts.available >= spec.replicas,
       .held = !pods.draining.empty() || spec.paused || halted || !seen.template_error.empty(),
       .was_exceeded = seen.was_exceeded});
}

void wake_for_availability(const SortedPods& pods, const GatewaySpec& spec, WallTime now, Plan& plan) {
  for (const PodView* pod : pods.live) {
    if (pod->ready && !pod->offline() && !is_available(*pod, spec, now))
      plan.wake_within(pod->ready_since + spec.min_ready - now);
    if (pod->finished) plan.wake_within(pod->created + kReplaceDelay - now);
  }
}

}  // namespace

const char* to_string(DeleteReason reason) {
  switch (reason) {
    case DeleteReason::kDrained:
      return "drained";
    case DeleteReason::kTimedOut:
      return "timed out";
    case DeleteReason::kStopped:
      return "stopped";
    case DeleteReason::kNeverStarted:
      return "never started";
  }
  return "";
}

void Plan::wake_within(Duration time) {
  time = std::max(time, Duration(0));
  wake_after = wake_after ? std::min(*wake_after, time) : time;
}

bool acts(const Plan& plan) {
  const auto any = [](const auto&... lists) { return (!lists.empty() || ...); };
  return plan.add_finalizer || plan.remove_finalizer || plan.canary.drop_promotion ||
         any(plan.remove, plan.cancel, plan.start, plan.relabel, plan.rewrite, plan.record_rates, plan.orders,
             plan.undrain, plan.create, plan.health, plan.sheds, plan.unshed);
}

std::set<std::string> touched_by(const Plan& plan) {
  std::set<std::string> uids;
  for (const auto& action : plan.remove) uids.insert(action.pod.uid);
  for (const auto& action : plan.cancel) uids.insert(action.pod.uid);
  for (const auto& action : plan.start) uids.insert(action.pod.uid);
  for (const auto& action : plan.health) uids.insert(action.pod.uid);
  return uids;
}

bool is_live(const PodView& pod) {
  return !pod.terminating && !pod.draining() && !pod.finished;
}

bool is_available(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  return is_live(pod) && !pod.offline() && pod.ready && now - pod.ready_since >= spec.min_ready;
}

bool is_receiver(const PodView& pod) {
  return is_live(pod) && pod.ready && pod.traffic_label == kTrafficOn && !pod.offline();
}

int receivers_of(const Observed& seen) {
  if (seen.deleting) return 0;
  return static_cast<int>(std::count_if(seen.pods.begin(), seen.pods.end(), is_receiver));
}

Plan plan_gateway(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  Plan plan;
  if (seen.deleting && !seen.finalized) return plan;  // Nothing is ours to do any more.
  if (!seen.finalized) {
    plan.add_finalizer = true;  // Before the first side effect; the next round goes on.
    return plan;
  }
  if (seen.orphaned) {
    plan.remove_finalizer = seen.pods.empty();
    return plan;
  }
  const SortedPods pods = sort_pods(seen, now);
  plan.canary = undecided(seen, spec);
  for (const PodView* pod : pods.finished) plan.remove.push_back(without_drain(*pod));

  if (seen.deleting) {
    if (seen.pods.empty()) plan.remove_finalizer = true;
    drain_everything(pods, spec, now, plan);
  } else if (!seen.unsure) {  // A drain may have begun that we do not see: it must not be joined by a second one.
    plan.canary = step_canary(pods, seen, spec, now);
    if (plan.canary.wake_after) plan.wake_within(*plan.canary.wake_after);
    plan_scale(pods, seen, spec, now, plan);
    shift(pods, seen, spec, plan);
    plan_healing(pods, seen, spec, now, plan);
    plan_rebalance(pods, seen, spec, now, plan);
    plan.progress = step_progress(pods, seen, spec, now, plan);
    if (plan.progress.wake_after) plan.wake_within(*plan.progress.wake_after);
  } else {
    plan.progress = {.mark = seen.progress, .moved = false, .wake_after = std::nullopt};
    // Nothing was decided about the endpoints: who is out of them stays so for now.
    for (const PodView* pod : pods.live) {
      if (pod->traffic_label == kTrafficOff) plan.traffic_off.insert(pod->uid);
    }
  }
  repair(pods, spec, now, plan);
  plan_drains(spec, seen, now, plan);
  wake_for_availability(pods, spec, now, plan);
  return plan;
}

}  // namespace sluice::op
