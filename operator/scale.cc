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

/// What keeps a rollout from going on, whatever there is to do.
bool is_held(const Observed& seen, const GatewaySpec& spec, const CanaryDecision& canary) {
  return spec.paused || !seen.template_error.empty() || canary.progress.phase == CanaryPhase::kHalted;
}

RolloutInput rollout_input(const Observed& seen, const GatewaySpec& spec, const RevisionCounts& live,
                           const CanaryDecision& canary) {
  const bool stepping = canary.progress.revision == seen.revision && canary.progress.phase != CanaryPhase::kDone;
  return {.live = live,
          .former_known = !seen.former_revision.empty(),
          .going_back = !seen.current_revision.empty() && seen.current_revision == seen.revision,
          .held = is_held(seen, spec, canary),
          .comparing = stepping && !spec.rollout.canary.gates.empty(),
          .canary_percent = canary.percent};
}

class Scaling {
 public:
  Scaling(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan)
      : pods_(pods), seen_(seen), spec_(spec), now_(now), plan_(plan) {
    for (const PodView* pod : pods.live) (pod->asked_to_go ? leaving_ : staying_).push_back(pod);
    count_ = {.updated = count_if(staying_, [&](const PodView& pod) { return pod.revision == seen.revision; }),
              .former = count_if(staying_, [&](const PodView& pod) { return pod.revision != seen.revision; })};
    target_ = rollout_target(spec, rollout_input(seen, spec, count_, plan.canary));
    if (!leaving_.empty()) target_.live_max = std::max(target_.live_max, spec.replicas + 1);
    live_ = static_cast<int>(pods.live.size());
    room_ = spec.drain_freeze ? 0 : spec.scale_down.concurrent_drains_max - static_cast<int>(pods.draining.size());
  }

  void run() {
    plan_.rollout = target_;
    take_back();
    create();
    if (live_ > target_.live_max) {
      scale_down(live_ - target_.live_max);
    } else {
      replace_leaving();
      replace_former();
    }
  }

 private:
  [[nodiscard]] bool available(const PodView& pod) const { return is_available(pod, spec_, now_); }
  [[nodiscard]] bool is_updated(const PodView& pod) const { return pod.revision == seen_.revision; }

  /// Drains that are taken back, the ones worth most first: pods of the newest revision as long as more of them are
  /// wanted, and of a former one where otherwise too few would serve. A rollout that takes pods out before it makes new
  /// ones drains those on purpose. Only pods that serve at once: ready, and not known to be out of our reach, or the
  /// gateway could not be told.
  void take_back() {
    if (!spec_.drain.reversible) return;
    Pods candidates;
    for (const PodView* pod : pods_.draining) {
      if (may_be_taken_back(*pod)) candidates.push_back(pod);
    }
    const auto worth = [&](const PodView* pod) {
      return std::make_tuple(is_updated(*pod) ? 0 : 1, pod->state ? -pod->state->connections : 0);
    };
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const PodView* a, const PodView* b) { return worth(a) < worth(b); });
    for (const PodView* pod : candidates) {
      if (!is_wanted_back(*pod)) continue;
      const bool told = phase_of(*pod, spec_, now_) != DrainPhase::kPropagating || (pod->state && pod->state->drain) ||
                        pod->rate_possible > 0;
      plan_.cancel.push_back({ref_to(*pod), told});
      ++(is_updated(*pod) ? count_.updated : count_.former);
      ++live_;
    }
  }

  [[nodiscard]] bool is_wanted_back(const PodView& pod) const {
    if (is_updated(pod)) return live_ < target_.live_max && count_.updated < target_.updated;
    return live_ < spec_.replicas && (count_.former < target_.former || live_ < target_.available_min);
  }

  [[nodiscard]] bool may_be_taken_back(const PodView& pod) const {
    if (!pod.drain || !pod.ready || pod.failure_age || pod.finished || pod.asked_to_go) return false;
    if (pod.drain->reason == DrainReason::kDelete || phase_of(pod, spec_, now_) == DrainPhase::kTimedOut) return false;
    // A pod of a former revision would have to go again: one that is nearly done goes on, and a new one is made.
    return is_updated(pod) || !pod.state || !pod.state->drain ||
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

  /// Former revisions go first, but for what a canary step, a partition or a pause keeps of them.
  void scale_down(int surplus) {
    if (held_by_reversal()) return;
    const int former_too_many = count_.former - target_.former_kept;
    if (former_too_many > 0) {
      const int leaving = static_cast<int>(leaving_.size());
      replace(pods_.live, std::min(surplus, former_too_many + leaving), DrainReason::kScaleDown);
      return;
    }
    Pods others = leaving_;
    for (const PodView* pod : staying_) {
      if (is_updated(*pod)) others.push_back(pod);
    }
    replace(others, surplus, DrainReason::kScaleDown);
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

  /// Pods of former revisions, beyond those that a partition, a canary step or a pause keeps.
  void replace_former() {
    const int count = count_.former - std::max(target_.former, target_.former_kept);
    if (count <= 0 || held_by_reversal()) return;
    Pods former;
    for (const PodView* pod : staying_) {
      if (!is_updated(*pod)) former.push_back(pod);
    }
    replace(former, count, DrainReason::kRollout);
  }

  /// `count` of `pods` go: those that serve only as long as enough others do.
  void replace(const Pods& pods, int count, DrainReason reason) {
    if (count <= 0 || pods.empty()) return;
    const int serving = count_if(pods_.live, [&](const PodView& pod) { return available(pod); });
    const int spare = std::max(0, serving - going_ - target_.available_min);
    // A scale-down may also take one that serves but does not count as available yet; a rollout waits for it, since it
    // is there to replace another.
    const bool waits = reason != DrainReason::kScaleDown || count_.former > 0;
    const auto missed = [&](const PodView& pod) { return waits ? pod.ready : available(pod); };
    Pods candidates;
    for (const PodView* pod : pods) {
      const bool place = holds_nothing(*pod) || room_ > 0;
      if (place && (spare > 0 || !missed(*pod))) candidates.push_back(pod);
    }
    const int others = count_if(candidates, [&](const PodView& pod) { return !missed(pod); });
    const int free = count_if(candidates, holds_nothing);
    drain(candidates, std::min({count, others + spare, free + std::max(0, room_)}), spare, missed, reason);
  }

  /// At most `spare` of those that would be `missed`.
  void drain(const Pods& candidates, int count, int spare, const auto& missed, DrainReason reason) {
    // Of a refused template no pod can be made: what can be made again goes last then.
    const bool refused = !seen_.template_error.empty() && !seen_.former_revision.empty();
    const VictimRules rules{.update_revision = refused ? seen_.former_revision : seen_.revision,
                            .former_revision = seen_.former_revision,
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
      if (missed(*victim.pod) && spare-- <= 0) continue;
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

void plan_scale(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan) {
  Scaling(pods, seen, spec, now, plan).run();
}

}  // namespace sluice::op
