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

class Scaling {
 public:
  Scaling(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, int canary_percent, WallTime now,
          Plan& plan)
      : pods_(pods), seen_(seen), spec_(spec), now_(now), plan_(plan) {
    for (const PodView* pod : pods.live) (pod->asked_to_go ? leaving_ : staying_).push_back(pod);
    for (const PodView* pod : pods.live) all_heard_ = all_heard_ && !pod->unheard();
    count_ = {.updated = count_if(staying_, [&](const PodView& pod) { return pod.revision == seen.revision; }),
              .former = count_if(staying_, [&](const PodView& pod) { return pod.revision != seen.revision; })};
    GatewaySpec held = spec;
    held.paused = spec.paused || !seen.template_error.empty();  // What the API server refuses is not rolled out.
    target_ = rollout_target(held, count_, canary_percent, !seen.former_revision.empty());
    if (!leaving_.empty()) target_.live_max = std::max(target_.live_max, spec.replicas + 1);
    live_ = static_cast<int>(pods.live.size());
    room_ = spec.scale_down.concurrent_drains_max - static_cast<int>(pods.draining.size());
  }

  void run() {
    take_back_unasked();
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

  /// Drains that a higher spec.replicas takes back, the ones worth most first. Only pods that serve at once: ready, and
  /// not known to be out of our reach, or the gateway could not be told.
  void take_back() {
    const int gap = spec_.replicas - live_;
    if (gap <= 0 || !spec_.drain.reversible) return;
    Pods candidates;
    for (const PodView* pod : pods_.draining) {
      if (taken_back_.contains(pod) || !may_be_taken_back(*pod)) continue;
      // A pod of a former revision would have to go again: one that is nearly done goes on, and a new one is made.
      if (pod->revision == seen_.revision || !nearly_done(*pod)) candidates.push_back(pod);
    }
    const auto worth = [&](const PodView* pod) {
      return std::make_tuple(pod->revision == seen_.revision ? 0 : 1, pod->state ? -pod->state->connections : 0);
    };
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const PodView* a, const PodView* b) { return worth(a) < worth(b); });
    if (candidates.size() > static_cast<std::size_t>(gap)) candidates.resize(static_cast<std::size_t>(gap));
    for (const PodView* pod : candidates) take_back(*pod, "more replicas are wanted again");
  }

  void take_back(const PodView& pod, const char* why) {
    const bool told = phase_of(pod, spec_, now_) != DrainPhase::kPropagating || (pod.state && pod.state->drain) ||
                      pod.rate_possible > 0;
    plan_.cancel.push_back({ref_to(pod), told, why});
    taken_back_.insert(&pod);
    ++(pod.revision == seen_.revision ? count_.updated : count_.former);
    ++live_;
  }

  [[nodiscard]] bool may_be_taken_back(const PodView& pod) const {
    if (!pod.drain || !pod.ready || pod.failure_age || pod.finished || pod.asked_to_go) return false;
    if (pod.drain->reason == DrainReason::kDelete) return false;
    return phase_of(pod, spec_, now_) != DrainPhase::kTimedOut || spec_.drain.on_timeout == OnTimeout::kWait;
  }

  static bool nearly_done(const PodView& pod) {
    return pod.state && pod.state->drain && pod.state->drain->remaining * kNearlyDone < pod.state->drain->initial;
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
      // A node and an eviction do not wait for a hold to be over.
      if (these.empty() || (reason == DrainReason::kRequested && held_by_reversal())) continue;
      replace(these, static_cast<int>(these.size()), reason);
    }
  }

  /// Pods of former revisions, beyond those that a partition, a canary step or a pause keeps.
  void replace_former() {
    Pods former;
    for (const PodView* pod : staying_) {
      if (pod->revision != seen_.revision) former.push_back(pod);
    }
    const int surplus = count_.former - target_.former;
    if (surplus <= 0 || former.empty() || held_by_reversal()) return;
    replace(former, surplus, DrainReason::kRollout);
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

  void drain(Pods candidates, int count, DrainReason reason) {
    leave_out_protected(candidates, reason);
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
        if (reason != DrainReason::kEviction && !capacity_allows()) return;
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
    if (!serving || reason == DrainReason::kEviction || capacity_allows()) return;
    std::erase_if(candidates, [](const PodView* pod) { return pod->ready; });
  }

  /// An eviction comes whatever we say: better drained than not.
  bool capacity_allows() {
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

void plan_scale(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, int canary_percent, WallTime now,
                Plan& plan) {
  Scaling(pods, seen, spec, canary_percent, now, plan).run();
}

}  // namespace sluice::op
