#include "operator/plan.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan_drains.h"

namespace sluice::op {
namespace {

using Pods = std::vector<const PodView*>;

/// The pods by what they are to this plan. A pod is in one list; those being deleted are in none.
struct Sorted {
  Pods live;
  Pods draining;
  Pods finished;
};

Sorted sort_pods(const Observed& seen, WallTime now) {
  Sorted sorted;
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

int count_if(const Pods& pods, const auto& predicate) {
  return static_cast<int>(std::count_if(pods.begin(), pods.end(), [&](const PodView* pod) { return predicate(*pod); }));
}

DeletePod without_drain(const PodView& pod) {
  const bool never = pod.container == ContainerState::kNeverStarted && !pod.finished;
  return {.pod = ref_to(pod),
          .reason = never ? DeleteReason::kNeverStarted : DeleteReason::kStopped,
          .only_this_version = never,
          .record = std::nullopt,
          .initial = std::nullopt,
          .connections = std::nullopt};
}

DrainRecord record_from(DrainReason reason, const GatewaySpec& spec, WallTime now) {
  return {.reason = reason, .started_at = now, .deadline = now + spec.drain_timeout};
}

/// Drains that a higher spec.replicas takes back, the ones worth most first. Only pods that serve at once: ready, and
/// not known to be out of our reach, or the gateway could not be told.
void take_back(const Pods& draining, int gap, const GatewaySpec& spec, const Observed& seen, WallTime now, Plan& plan) {
  Pods candidates;
  for (const PodView* pod : draining) {
    const bool possible = pod->drain && pod->ready && !pod->failure_age && !pod->finished &&
                          pod->drain->reason != DrainReason::kDelete &&
                          phase_of(*pod, spec, now) != DrainPhase::kTimedOut;
    if (possible) candidates.push_back(pod);
  }
  const auto worth = [&](const PodView* pod) {
    return std::make_tuple(pod->revision == seen.revision ? 0 : 1, pod->state ? -pod->state->connections : 0);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const PodView* a, const PodView* b) { return worth(a) < worth(b); });
  for (const PodView* pod : candidates) {
    if (gap <= 0) return;
    const bool told = phase_of(*pod, spec, now) != DrainPhase::kPropagating || (pod->state && pod->state->drain) ||
                      pod->rate_possible > 0;
    plan.cancel.push_back({ref_to(*pod), told});
    --gap;
  }
}

void start_drains(const VictimChoice& choice, DrainReason reason, const GatewaySpec& spec, WallTime now, int room,
                  Plan& plan) {
  plan.states_wanted.insert(plan.states_wanted.end(), choice.states_wanted.begin(), choice.states_wanted.end());
  if (!choice.states_wanted.empty()) plan.wake_within(kAdminRetry);  // Answers wake it sooner.
  for (const Victim& victim : choice.victims) {
    if (victim.pod->container == ContainerState::kNeverStarted || victim.pod->finished) {
      plan.remove.push_back(without_drain(*victim.pod));
      continue;
    }
    if (room-- <= 0) return;
    StartDrain start{.pod = ref_to(*victim.pod),
                     .record = record_from(reason, spec, now),
                     .cost = victim.cost,
                     .chosen = true,
                     .runner_up = {},
                     .runner_up_cost = std::nullopt};
    if (choice.runner_up) {
      start.runner_up = choice.runner_up->pod->name;
      start.runner_up_cost = choice.runner_up->cost;
    }
    plan.start.push_back(std::move(start));
    plan.wake_within(spec.propagation_delay);
  }
}

/// Victims are asked live: what was heard before the choice came up does not count.
Duration fresh(const Observed& seen) {
  return std::min(seen.choosing_for, kStateFresh);
}

/// One old pod may go once enough others are available without it; one that serves nobody may go at once.
void roll_one(const Sorted& pods, const Observed& seen, const GatewaySpec& spec, int room, WallTime now, Plan& plan) {
  const auto available = [&](const PodView& pod) { return is_available(pod, spec, now); };
  Pods old;
  const bool surplus = count_if(pods.live, available) > spec.replicas;
  for (const PodView* pod : pods.live) {
    const bool needs_drain = pod->container != ContainerState::kNeverStarted;
    if (pod->revision == seen.revision || (needs_drain && room <= 0)) continue;
    if (surplus || !pod->ready) old.push_back(pod);
  }
  if (old.empty()) return;
  start_drains(choose_victims(std::move(old), seen.revision, 1, fresh(seen)), DrainReason::kRollout, spec, now, room,
               plan);
}

void scale(const Sorted& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan) {
  const int live = static_cast<int>(pods.live.size());
  const int old = count_if(pods.live, [&](const PodView& pod) { return pod.revision != seen.revision; });
  const bool rolling = old > 0 && spec.replicas > 0 && seen.template_error.empty();
  const int wanted = spec.replicas + (rolling ? 1 : 0);

  if (live < spec.replicas) take_back(pods.draining, spec.replicas - live, spec, seen, now, plan);
  const int missing = wanted - live - static_cast<int>(plan.cancel.size());
  if (missing > 0 && seen.creates_held > Duration(0)) {
    plan.creates_held = true;
    plan.wake_within(seen.creates_held);
  } else if (missing > 0 && seen.template_error.empty()) {
    plan.create = free_names(seen, std::min(missing, kCreatesPerReconcileMax));
    if (missing > kCreatesPerReconcileMax) plan.wake_within(Duration(0));
  }
  const int room = spec.concurrent_drains_max - static_cast<int>(pods.draining.size());
  if (live > wanted) {
    const int surplus = live - wanted;
    const int pending = count_if(
        pods.live, [](const PodView& pod) { return pod.container == ContainerState::kNeverStarted || pod.finished; });
    const int count = std::min(surplus, pending + std::max(0, room));
    start_drains(choose_victims(pods.live, seen.revision, count, fresh(seen)), DrainReason::kScaleDown, spec, now, room,
                 plan);
  } else if (rolling && live > spec.replicas) {
    roll_one(pods, seen, spec, room, now, plan);
  }
}

/// A whole gateway goes: all pods drain together, since none is left to receive from the others.
void drain_everything(const Sorted& pods, const GatewaySpec& spec, WallTime now, Plan& plan) {
  for (const PodView* pod : pods.live) {
    if (pod->container == ContainerState::kNeverStarted || pod->finished) {
      plan.remove.push_back(without_drain(*pod));
      continue;
    }
    plan.start.push_back({.pod = ref_to(*pod),
                          .record = record_from(DrainReason::kDelete, spec, now),
                          .cost = pod->state ? std::optional(pod->state->connections) : std::nullopt,
                          .chosen = false,
                          .runner_up = {},
                          .runner_up_cost = std::nullopt});
    plan.wake_within(spec.propagation_delay);
  }
}

/// Pods that this plan writes to already: a second write in the same round could only conflict with the first.
std::set<std::string> touched_by(const Plan& plan) {
  std::set<std::string> uids;
  for (const auto& action : plan.remove) uids.insert(action.pod.uid);
  for (const auto& action : plan.cancel) uids.insert(action.pod.uid);
  for (const auto& action : plan.start) uids.insert(action.pod.uid);
  return uids;
}

/// Labels follow the annotation, and gateways follow their pods.
void repair(const Sorted& pods, const GatewaySpec& spec, WallTime now, Plan& plan) {
  const std::set<std::string> touched = touched_by(plan);
  for (const PodView* pod : pods.draining) {
    if (touched.contains(pod->uid)) continue;
    if (!pod->drain) {
      // Somebody has edited the record. The pod is out of the endpoints: its drain begins again.
      plan.start.push_back({.pod = ref_to(*pod),
                            .record = record_from(DrainReason::kScaleDown, spec, now),
                            .cost = std::nullopt,
                            .chosen = false,
                            .runner_up = {},
                            .runner_up_cost = std::nullopt});
    } else if (pod->state_label != "draining" || pod->traffic_label != "off") {
      plan.relabel.push_back({ref_to(*pod), true});
    }
  }
  for (const PodView* pod : pods.live) {
    if (touched.contains(pod->uid)) continue;
    const bool ours = pod->state_label != "gray" && pod->state_label != "offline";
    // A rate that a drain has left behind, which somebody has ended by hand, would be reserved by a later leader.
    const bool leftover = pod->rate_recorded > 0 && pod->state && !pod->state->drain;
    if (ours && (pod->state_label != "active" || pod->traffic_label != "on" || leftover)) {
      plan.relabel.push_back({ref_to(*pod), false});
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

void wake_for_availability(const Sorted& pods, const GatewaySpec& spec, WallTime now, Plan& plan) {
  for (const PodView* pod : pods.live) {
    if (pod->ready && !is_available(*pod, spec, now)) plan.wake_within(pod->ready_since + spec.min_ready - now);
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

bool is_live(const PodView& pod) {
  return !pod.terminating && !pod.draining() && !pod.finished;
}

bool is_available(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  return is_live(pod) && pod.ready && now - pod.ready_since >= spec.min_ready;
}

int receivers_of(const Observed& seen) {
  if (seen.deleting) return 0;
  return static_cast<int>(
      std::count_if(seen.pods.begin(), seen.pods.end(), [](const PodView& pod) { return pod.ready && is_live(pod); }));
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
  const Sorted pods = sort_pods(seen, now);
  for (const PodView* pod : pods.finished) plan.remove.push_back(without_drain(*pod));

  if (seen.deleting) {
    if (seen.pods.empty()) plan.remove_finalizer = true;
    drain_everything(pods, spec, now, plan);
  } else if (!seen.unsure) {  // A drain may have begun that we do not see: it must not be joined by a second one.
    scale(pods, seen, spec, now, plan);
  }
  repair(pods, spec, now, plan);
  plan_drains(spec, seen, now, plan);
  wake_for_availability(pods, spec, now, plan);
  return plan;
}

}  // namespace sluice::op
