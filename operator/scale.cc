#include "operator/scale.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "common/base/duration_text.h"
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
  return {.live = live,
          .former_known = !seen.former_revision.empty(),
          .going_back = !seen.current_revision.empty() && seen.current_revision == seen.revision,
          .held = is_held(seen, spec, canary),
          .comparing = canary.stepping && !spec.rollout.canary.gates.empty(),
          .canary_percent = canary.allowed_percent};
}

class Scaling {
 public:
  Scaling(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan)
      : pods_(pods), seen_(seen), spec_(spec), now_(now), plan_(plan) {
    for (const PodView* pod : pods.live) (pod->asked_to_go ? leaving_ : staying_).push_back(pod);
    for (const PodView* pod : pods.live) all_heard_ = all_heard_ && !pod->unheard();
    count_ = {.updated = count_if(staying_, [&](const PodView& pod) { return pod.revision == seen.revision; }),
              .former = count_if(staying_, [&](const PodView& pod) { return pod.revision != seen.revision; })};
    target_ = rollout_target(spec, rollout_input(seen, spec, count_, plan.canary));
    if (!leaving_.empty()) target_.live_max = std::max(target_.live_max, spec.replicas + 1);
    live_ = static_cast<int>(pods.live.size());
    // A pod that nobody reaches waits for its deadline, not for the budget: it keeps no other from its drain.
    const int drains = count_if(
        pods.draining, [](const PodView& pod) { return !pod.drain || pod.drain->reason != DrainReason::kOffline; });
    room_ = spec.scale_down.concurrent_drains_max - drains;
  }

  void run() {
    plan_.rollout = target_;
    take_back_unasked();
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
  /// Drains whose cause is gone: the node is in use again, the eviction withdrawn, the name out of podsToDrain. What
  /// they still hold need not move.
  void take_back_unasked() {
    if (!spec_.drain.reversible) return;
    for (const PodView* pod : pods_.draining) {
      const char* why = pod->drain ? cause_gone(*pod) : nullptr;
      if (why != nullptr && may_be_taken_back(*pod) && !nearly_done(*pod)) take_back(*pod, why);
    }
  }

  /// Nothing where it cannot be told for certain.
  [[nodiscard]] const char* cause_gone(const PodView& pod) const {
    if (pod.drain->reason == DrainReason::kNodeDrain && pod.node_known) return "its node is in use again";
    if (pod.drain->reason == DrainReason::kRequested) return "podsToDrain does not name it any more";
    if (pod.drain->reason == DrainReason::kEviction && seen_.evictions_known) return "its eviction was withdrawn";
    return nullptr;
  }

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
      if (taken_back_.contains(pod) || !may_be_taken_back(*pod)) continue;
      // A pod of a former revision would have to go again: one that is nearly done goes on, and a new one is made.
      if (pod->revision == seen_.revision || !nearly_done(*pod)) candidates.push_back(pod);
    }
    const auto worth = [&](const PodView* pod) {
      return std::make_tuple(is_updated(*pod) ? 0 : 1, pod->state ? -pod->state->connections : 0);
    };
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const PodView* a, const PodView* b) { return worth(a) < worth(b); });
    for (const PodView* pod : candidates) {
      if (is_wanted_back(*pod)) take_back(*pod, "more replicas are wanted again");
    }
  }

  void take_back(const PodView& pod, const char* why) {
    const bool told = phase_of(pod, spec_, now_) != DrainPhase::kPropagating || (pod.state && pod.state->drain) ||
                      pod.rate_possible > 0;
    plan_.cancel.push_back({ref_to(pod), told, why});
    taken_back_.insert(&pod);
    ++(is_updated(pod) ? count_.updated : count_.former);
    ++live_;
  }

  [[nodiscard]] bool is_wanted_back(const PodView& pod) const {
    if (is_updated(pod)) return live_ < target_.live_max && count_.updated < target_.updated;
    return live_ < spec_.replicas && (count_.former < target_.former || live_ < target_.available_min);
  }

  [[nodiscard]] bool may_be_taken_back(const PodView& pod) const {
    if (!pod.drain || !pod.ready || pod.failure_age || pod.finished || pod.asked_to_go) return false;
    // One that was out of the fleet would have to prove itself first: a new one is there sooner.
    if (pod.drain->reason == DrainReason::kOffline || pod.drain->reason == DrainReason::kDelete) return false;
    return phase_of(pod, spec_, now_) != DrainPhase::kTimedOut || spec_.drain.on_timeout == OnTimeout::kWait;
  }

  static bool nearly_done(const PodView& pod) {
    return pod.state && pod.state->drain && pod.state->drain->remaining * kNearlyDone < pod.state->drain->initial;
  }

  void create() {
    const int room = std::max(0, target_.live_max - live_);
    // Those that are to go are replaced by what they are: also where a partition, a step or a pause keeps them.
    const int below = std::clamp(spec_.replicas - live_ + static_cast<int>(leaving_.size()), 0, room);
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
      // A node and an eviction do not wait for a hold to be over.
      if (these.empty() || (reason == DrainReason::kRequested && held_by_reversal())) continue;
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
    const int surplus = count_.former - std::max(target_.former, target_.former_kept);
    if (surplus <= 0 || held_by_reversal()) return;
    Pods former;
    for (const PodView* pod : staying_) {
      if (!is_updated(*pod)) former.push_back(pod);
    }
    replace(former, surplus, DrainReason::kRollout);
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
  void drain(Pods candidates, int count, int spare, const auto& missed, DrainReason reason) {
    leave_out_protected(candidates, reason);
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
        if (!capacity_allows(reason)) return;
        ++going_;
      }
      --room_;
      start(victim, choice.runner_up, reason);
    }
  }

  /// Before anybody is asked for a state: what stands in the way may stand there for hours.
  void leave_out_protected(Pods& candidates, DrainReason reason) {
    if (room_ <= 0) return;
    if (spec_.drain_freeze) {
      const auto kept = std::erase_if(candidates, [](const PodView* pod) { return !holds_nothing(*pod); });
      if (kept > 0) {
        object(plan_, "DrainFreeze",
               std::string("a drain is due (") + to_string(reason) + ") and waits until spec.drainFreeze is false");
      }
      return;
    }
    const bool serving =
        std::any_of(candidates.begin(), candidates.end(), [](const PodView* pod) { return pod->ready; });
    if (!serving || capacity_allows(reason)) return;
    std::erase_if(candidates, [](const PodView* pod) { return pod->ready; });
  }

  /// An eviction comes whatever we say: better drained than not. A pod that has been replaced leaves as many as were
  /// asked for: a full fleet must be able to roll, too. And who lets a rollout take all pods at once has asked for
  /// that.
  bool capacity_allows(DrainReason reason) {
    if (reason == DrainReason::kEviction) return true;
    const int staying = carriers_of(seen_) - going_ - 1;
    const bool replaced = staying >= spec_.replicas || (staying <= 0 && target_.available_min == 0);
    if (reason != DrainReason::kScaleDown && replaced) return true;
    if (!all_heard_) {  // What a pod holds that a new leader has not asked yet would be missing from the sum.
      plan_.wake_within(kAdminRetry);
      return false;
    }
    const auto objection = capacity_objection(spec_, seen_, going_ + 1);
    if (objection) object(plan_, "CapacityGuard", *objection);
    return !objection;
  }

  void start(const Victim& victim, const std::optional<Victim>& runner_up, DrainReason reason) {
    StartDrain start = start_of(*victim.pod, reason, spec_, now_);
    start.cost = victim.cost;
    start.chosen = true;
    start.why = victim.why;
    if (runner_up) {
      start.runner_up = runner_up->pod->name;
      const PodView& next = *runner_up->pod;
      if (next.state && runner_up->cost) start.runner_up_connections = next.state->connections;
      start.runner_up_cost = runner_up->cost;
    }
    plan_.start.push_back(std::move(start));
    plan_.wake_within(spec_.drain.propagation_delay);
  }

  /// A load that goes up and down around a threshold must not drain and take back in turns.
  bool held_by_reversal() {
    if (!taken_back_.empty()) return true;  // The hold begins now.
    if (!seen_.reversed_ago || *seen_.reversed_ago >= spec_.drain.reverse_hold) return false;
    plan_.wake_within(spec_.drain.reverse_hold - *seen_.reversed_ago);
    object(plan_, "ReverseHold",
           "a drain was taken back less than drain.reverseHold (" + format_duration(spec_.drain.reverse_hold) +
               ") ago: none begins before that is over");
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
  std::set<const PodView*> taken_back_;
  bool all_heard_ = true;  ///< Every live pod has answered, or failed to, since this process began.
  int room_ = 0;           ///< Drains that may begin.
  int going_ = 0;          ///< Ready pods whose drain begins in this plan.
};

}  // namespace

void plan_scale(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan) {
  Scaling(pods, seen, spec, now, plan).run();
}

}  // namespace sluice::op
