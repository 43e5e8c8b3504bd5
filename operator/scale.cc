#include "operator/scale.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "operator/capacity_guard.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan_drains.h"
#include "operator/rollout.h"

namespace sluice::op {
namespace {

class Scaling {
 public:
  Scaling(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, int canary_percent, WallTime now,
          Plan& plan)
      : pods_(pods), seen_(seen), spec_(spec), now_(now), plan_(plan) {
    for (const PodView* pod : pods.live) (pod->asked_to_go ? leaving_ : staying_).push_back(pod);
    count_ = {.updated = count_if(staying_, [&](const PodView& pod) { return pod.revision == seen.revision; }),
              .former = count_if(staying_, [&](const PodView& pod) { return pod.revision != seen.revision; })};
    GatewaySpec held = spec;
    held.paused = spec.paused || !seen.template_error.empty();  // What the API server refuses is not rolled out.
    target_ = rollout_target(held, count_, canary_percent, !seen.former_revision.empty());
    if (!leaving_.empty()) target_.live_max = std::max(target_.live_max, spec.replicas + 1);
    live_ = static_cast<int>(pods.live.size());
    // A pod that nobody reaches waits for its deadline, not for the budget: it keeps no other from its drain.
    const int drains = count_if(
        pods.draining, [](const PodView& pod) { return !pod.drain || pod.drain->reason != DrainReason::kOffline; });
    room_ = spec.drain_freeze ? 0 : spec.scale_down.concurrent_drains_max - drains;
  }

  void run() {
    take_back();
    create();
    if (live_ > target_.live_max) {
      scale_down(live_ - target_.live_max);
    } else {
      replace_offline();
      replace_leaving();
      replace_former();
    }
  }

 private:
  [[nodiscard]] bool available(const PodView& pod) const { return is_available(pod, spec_, now_); }

  /// Drains that a higher spec.replicas takes back, the ones worth most first. Only pods that serve at once: ready, and
  /// not known to be out of our reach, or the gateway could not be told.
  void take_back() {
    const int gap = spec_.replicas - live_;
    if (gap <= 0 || !spec_.drain.reversible) return;
    Pods candidates;
    for (const PodView* pod : pods_.draining) {
      if (may_be_taken_back(*pod)) candidates.push_back(pod);
    }
    const auto worth = [&](const PodView* pod) {
      return std::make_tuple(pod->revision == seen_.revision ? 0 : 1, pod->state ? -pod->state->connections : 0);
    };
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const PodView* a, const PodView* b) { return worth(a) < worth(b); });
    if (candidates.size() > static_cast<std::size_t>(gap)) candidates.resize(static_cast<std::size_t>(gap));
    for (const PodView* pod : candidates) {
      const bool told = phase_of(*pod, spec_, now_) != DrainPhase::kPropagating || (pod->state && pod->state->drain) ||
                        pod->rate_possible > 0;
      plan_.cancel.push_back({ref_to(*pod), told});
      ++(pod->revision == seen_.revision ? count_.updated : count_.former);
      ++live_;
    }
  }

  [[nodiscard]] bool may_be_taken_back(const PodView& pod) const {
    if (!pod.drain || !pod.ready || pod.failure_age || pod.finished || pod.asked_to_go) return false;
    // One that was out of the fleet would have to prove itself first: a new one is there sooner.
    if (pod.drain->reason == DrainReason::kOffline) return false;
    if (pod.drain->reason == DrainReason::kDelete || phase_of(pod, spec_, now_) == DrainPhase::kTimedOut) return false;
    // A pod of a former revision would have to go again: one that is nearly done goes on, and a new one is made.
    return pod.revision == seen_.revision || !pod.state || !pod.state->drain ||
           pod.state->drain->remaining * kNearlyDone >= pod.state->drain->initial;
  }

  void create() {
    const int room = std::max(0, target_.live_max - live_);
    const int below = std::clamp(spec_.replicas - live_, 0, room);
    int former = std::clamp(target_.former - count_.former, 0, below);
    int updated = std::clamp(target_.updated - count_.updated, 0, room - former);
    if (seen_.former_revision.empty()) updated += std::exchange(former, 0);  // Nobody knows any more how to make them.
    if (!seen_.template_error.empty()) updated = 0;
    const int wanted = former + updated;
    if (wanted == 0) return;
    if (seen_.creates_held > Duration(0)) {
      plan_.creates_held = true;
      plan_.wake_within(seen_.creates_held);
      return;
    }
    const int count = std::min(wanted, kCreatesPerReconcileMax);
    for (const std::string& name : free_names(seen_, count)) {
      const bool is_former = static_cast<int>(plan_.create.size()) < former;
      plan_.create.push_back({name, is_former ? seen_.former_revision : seen_.revision});
    }
    if (wanted > count) plan_.wake_within(Duration(0));
  }

  void scale_down(int surplus) {
    if (held_by_reversal()) return;
    const int free = count_if(pods_.live, holds_nothing);
    drain(pods_.live, std::min(surplus, free + std::max(0, room_)), DrainReason::kScaleDown);
  }

  /// Pods that are asked to go: once others can do without them, or at once where they serve nobody.
  void replace_leaving() {
    for (const DrainReason reason : {DrainReason::kNodeDrain, DrainReason::kEviction, DrainReason::kRequested}) {
      Pods these;
      for (const PodView* pod : leaving_) {
        if (pod->asked_to_go == reason) these.push_back(pod);
      }
      replace(these, static_cast<int>(these.size()), reason);
    }
  }

  /// Pods that have been out of the fleet for too long: each once a new one stands beside it. That we and the kubelet
  /// do not reach a gateway does not mean that its clients are gone: it has the time of a drain, as any other.
  void replace_offline() {
    if (spec_.drain_freeze) return;
    int surplus = live_ - spec_.replicas;
    for (const PodView* pod : leaving_) {
      if (pod->asked_to_go != DrainReason::kOffline || surplus <= 0) continue;
      --surplus;
      plan_.start.push_back(start_of(*pod, DrainReason::kOffline, spec_, now_));
      plan_.wake_within(spec_.drain.propagation_delay);
    }
  }

  /// Pods of former revisions, beyond those that a partition, a canary step or a pause keeps.
  void replace_former() {
    if (held_by_reversal()) return;
    Pods former;
    for (const PodView* pod : staying_) {
      if (pod->revision != seen_.revision) former.push_back(pod);
    }
    replace(former, count_.former - target_.former, DrainReason::kRollout);
  }

  void replace(const Pods& pods, int count, DrainReason reason) {
    if (count <= 0 || pods.empty()) return;
    const int spare = std::max(
        0, count_if(pods_.live, [&](const PodView& pod) { return available(pod); }) - going_ - target_.available_min);
    Pods candidates;
    for (const PodView* pod : pods) {
      const bool place = holds_nothing(*pod) || room_ > 0;
      if (place && (spare > 0 || !pod->ready)) candidates.push_back(pod);
    }
    const int idle = count_if(candidates, [](const PodView& pod) { return !pod.ready; });
    const int free = count_if(candidates, holds_nothing);
    drain(candidates, std::min({count, idle + spare, free + std::max(0, room_)}), reason);
  }

  void drain(const Pods& candidates, int count, DrainReason reason) {
    const VictimRules rules{.update_revision = seen_.revision,
                            .order = spec_.scale_down.victim,
                            .requested = spec_.scale_down.pods_to_drain,
                            .crowded = crowded_domains(pods_.live),
                            // Victims are asked live: what was heard before the choice came up does not count.
                            .fresh = std::min(seen_.choosing_for, kStateFresh)};
    const VictimChoice choice = choose_victims(candidates, rules, count);
    plan_.states_wanted.insert(plan_.states_wanted.end(), choice.states_wanted.begin(), choice.states_wanted.end());
    if (!choice.states_wanted.empty()) plan_.wake_within(kAdminRetry);  // Answers wake it sooner.
    for (const Victim& victim : choice.victims) {
      if (holds_nothing(*victim.pod)) {
        plan_.remove.push_back(without_drain(*victim.pod));
        continue;
      }
      if (room_ <= 0) return;
      if (victim.pod->ready) {
        plan_.objection = capacity_objection(spec_, seen_, going_ + 1).value_or("");
        if (!plan_.objection.empty()) return;
        ++going_;
      }
      --room_;
      start(victim, choice.runner_up, reason);
    }
  }

  void start(const Victim& victim, const std::optional<Victim>& runner_up, DrainReason reason) {
    StartDrain start = start_of(*victim.pod, reason, spec_, now_);
    start.cost = victim.cost;
    start.chosen = true;
    if (runner_up) {
      start.runner_up = runner_up->pod->name;
      start.runner_up_cost = runner_up->cost;
    }
    plan_.start.push_back(std::move(start));
    plan_.wake_within(spec_.drain.propagation_delay);
  }

  /// A load that goes up and down around a threshold must not drain and take back in turns.
  bool held_by_reversal() {
    if (!seen_.reversed_ago || *seen_.reversed_ago >= spec_.drain.reverse_hold) return false;
    plan_.wake_within(spec_.drain.reverse_hold - *seen_.reversed_ago);
    return true;
  }

  const SortedPods& pods_;
  const Observed& seen_;
  const GatewaySpec& spec_;
  const WallTime now_;
  Plan& plan_;

  Pods staying_;
  Pods leaving_;
  RevisionCounts count_;  ///< Of those that stay, and those taken back.
  RolloutTarget target_;
  int live_ = 0;
  int room_ = 0;   ///< Drains that may begin.
  int going_ = 0;  ///< Ready pods whose drain begins in this plan.
};

}  // namespace

void plan_scale(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, int canary_percent, WallTime now,
                Plan& plan) {
  Scaling(pods, seen, spec, canary_percent, now, plan).run();
}

}  // namespace sluice::op
