#include "operator/rebalance.h"

#include <algorithm>
#include <vector>

#include "common/base/contract.h"
#include "operator/budget.h"
#include "operator/healing.h"
#include "operator/limits.h"
#include "operator/releases.h"

namespace sluice::op {
namespace {

class Rebalance {
 public:
  Rebalance(const Pods& pods, const Observed& seen, const GatewaySpec& spec, Plan& plan)
      : pods_(pods), seen_(seen), spec_(spec), plan_(plan) {}

  void run() {
    for (const PodView* pod : pods_) {
      known_ = known_ && pod->state && !pod->unheard();
      fresh_ = fresh_ && pod->state_fresh(fresh_max()) && !pod->failure_age;
      if (pod->state) mean_ += static_cast<double>(pod->state->connections) / static_cast<double>(pods_.size());
      if (is_out(*pod)) out_.push_back(pod);
    }
    places_ = pods_.size() / 2 - std::min(pods_.size() / 2, out_.size());
    if (known_) {
      std::erase_if(out_, [&](const PodView* pod) { return caught_up(*pod); });
      if (may_begin()) join();
    }
    for (const PodView* pod : out_) {
      plan_.rebalanced.insert(pod->uid);
      plan_.traffic_off.insert(pod->uid);
    }
    if (known_ && (!out_.empty() || any_full())) {
      for (const PodView* pod : pods_) plan_.watched.insert(pod->uid);
    }
    if (known_ && spec_.rebalance.type == RebalanceType::kMove) move();
  }

 private:
  static bool is_out(const PodView& pod) { return pod.traffic_label == kTrafficOff; }

  /// Counts of different moments show a skew where there is none, while clients come in numbers: where one shows, every
  /// pod is watched, and counts of about one moment decide. A large fleet is asked at kPollsPerSecondMax.
  [[nodiscard]] Duration fresh_max() const {
    return std::max(kStateFresh, kPollSpacing * 2 * static_cast<int>(pods_.size()));
  }
  [[nodiscard]] bool any_full() const {
    return std::any_of(pods_.begin(), pods_.end(), [&](const PodView* pod) { return full(*pod); });
  }
  [[nodiscard]] double excess(const PodView& pod) const { return static_cast<double>(pod.state->connections) - mean_; }
  [[nodiscard]] double excess_min() const {
    return static_cast<double>(spec_.capacity.connections_per_pod) * kRebalanceExcessPercent / 100;
  }
  [[nodiscard]] bool full(const PodView& pod) const {
    return excess(pod) > mean_ * spec_.rebalance.skew_percent / 100 && excess(pod) >= excess_min();
  }
  [[nodiscard]] bool caught_up(const PodView& pod) const {
    return excess(pod) <= mean_ * spec_.rebalance.skew_percent / 200 || excess(pod) < excess_min() / 2;
  }

  bool may_begin() {
    if (!fresh_ || cut_off(seen_)) return false;
    if (!out_.empty() || !seen_.rebalanced_ago || *seen_.rebalanced_ago >= kRebalanceHold) return true;
    if (any_full()) {
      plan_.wake_within(kRebalanceHold - *seen_.rebalanced_ago);
    }
    return false;
  }

  /// The fullest first; half of the pods stay. One that comes back now may be written later than one that leaves: its
  /// place is free in the next round.
  void join() {
    Pods full_ones;
    for (const PodView* pod : pods_) {
      if (!is_out(*pod) && full(*pod)) full_ones.push_back(pod);
    }
    std::stable_sort(full_ones.begin(), full_ones.end(),
                     [](const PodView* a, const PodView* b) { return a->state->connections > b->state->connections; });
    for (const PodView* pod : full_ones) {
      if (places_ == 0) return;
      --places_;
      out_.push_back(pod);
    }
  }

  /// It has released what it was told to, and is full all the same: others have lost clients meanwhile. It is told anew
  /// once it has forgotten that order. One that found nobody to release is left to arrivals.
  [[nodiscard]] bool has_shed_too_little(const PodView& pod) const {
    return pod.state->shed && pod.state->shed->initial > 0 && pod.state->shed->remaining == 0 && !pod.failure_age &&
           pod.state_fresh(kStateFresh) && excess(pod) >= 1;
  }

  /// Whether it is time to tell the pod what to release: everybody has stopped sending it clients, and nothing was told
  /// yet.
  bool ready_to_shed(const PodView& pod) {
    if (!is_out(pod) || pod.state->shed || pod.failure_age || !pod.state_fresh(kStateFresh)) return false;
    if (excess(pod) < 1) return false;
    const Duration since = seen_.rebalancing_for.value_or(Duration(0));
    if (since >= spec_.drain.propagation_delay) return true;
    plan_.wake_within(spec_.drain.propagation_delay - since);
    return false;
  }

  static bool sheds(const PodView& pod) {
    return pod.state->shed && pod.state->shed->remaining > 0 && !out_of_reach(pod);
  }

  void move() {
    Pods shedding;
    std::vector<BudgetShare> shares;
    double reserved = 0;
    for (const PodView* pod : out_) {
      if (has_shed_too_little(*pod)) plan_.unshed.push_back(ref_to(*pod));
      if (!sheds(*pod) && !ready_to_shed(*pod)) continue;
      shedding.push_back(pod);
      const double left = sheds(*pod) ? static_cast<double>(pod->state->shed->remaining) : excess(*pod);
      shares.push_back({.left = left, .rate = pod->rate_possible, .reachable = true});
    }
    if (shedding.empty()) return;
    double possible = 0;
    for (const PodView& pod : seen_.pods) {
      possible += pod.rate_possible;
      if (std::find(shedding.begin(), shedding.end(), &pod) == shedding.end()) reserved += pod.rate_possible;
    }
    shares.push_back({.left = 0, .rate = reserved, .reachable = false});
    const int receivers = static_cast<int>(pods_.size() - out_.size());
    const double budget = budget_of(spec_, receivers, seen_.throttle);
    const std::vector<double> rates = split_budget(budget, shares);
    for (std::size_t i = 0; i < shedding.size(); ++i) {
      if (!sheds(*shedding[i])) {
        order(*shedding[i], rates[i]);
      } else if (possible > budget * (1 + kRecordTolerance)) {
        slow_down(*shedding[i], rates[i]);
      }
    }
  }

  /// Receivers have become fewer, or slower, since its order: it goes on, no faster than its part is now.
  void slow_down(const PodView& pod, double rate) {
    if (pod.rate_possible <= rate * (1 + kRecordTolerance)) return;
    const GatewayShed& shed = *pod.state->shed;
    plan_.sheds.push_back(
        {.pod = ref_to(pod), .id = shed.id, .count = shed.remaining, .rate_per_second = std::max(rate, kRateLeast)});
  }

  /// Recorded first, as a drain's rate is, so that a new leader reserves it.
  void order(const PodView& pod, double rate) {
    if (rate < kRateLeast) return plan_.wake_within(kPollWatched);
    if (rate > pod.rate_recorded * (1 + kRecordTolerance)) {
      plan_.record_rates.push_back({ref_to(pod), rate});
      return;
    }
    // The id holds until something is written to the pod: an order whose answer was lost is repeated, not doubled.
    plan_.sheds.push_back({.pod = ref_to(pod),
                           .id = "rebalance-" + pod.resource_version,
                           .count = static_cast<std::int64_t>(excess(pod)),
                           .rate_per_second = std::min(rate, pod.rate_recorded)});
  }

  const Pods& pods_;
  const Observed& seen_;
  const GatewaySpec& spec_;
  Plan& plan_;

  Pods out_;
  std::size_t places_ = 0;  ///< So many more may leave the endpoints now.
  double mean_ = 0;
  bool known_ = true;  ///< Every gateway has answered this process.
  bool fresh_ = true;  ///< And at about one moment.
};

}  // namespace

bool may_rebalance(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, const Plan& plan,
                   WallTime now) {
  if (spec.rebalance.type == RebalanceType::kNone || spec.drain_freeze || !pods.draining.empty()) return false;
  if (pods.live.size() < 2 || static_cast<int>(pods.live.size()) != spec.replicas) return false;
  if (plan.canary.progress.phase != CanaryPhase::kDone || !plan.states_wanted.empty()) return false;
  if (!plan.create.empty() || !plan.start.empty() || !plan.remove.empty() || !plan.health.empty()) return false;
  if (!plan.traffic_off.empty()) return false;  // Somebody else keeps pods from the endpoints.
  return std::all_of(seen.pods.begin(), seen.pods.end(), [&](const PodView& pod) {
    return is_available(pod, spec, now) && !pod.health && !pod.asked_to_go && pod.revision == seen.revision;
  });
}

void plan_rebalance(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan) {
  if (may_rebalance(pods, seen, spec, plan, now)) Rebalance(pods.live, seen, spec, plan).run();
  for (const PodView* pod : pods.live) {
    if (!pod->state || !pod->state->shed || plan.rebalanced.contains(pod->uid)) continue;
    if (pod->failure_age && *pod->failure_age < kAdminRetry) {
      plan.wake_within(kAdminRetry);
    } else {
      plan.unshed.push_back(ref_to(*pod));
    }
  }
}

}  // namespace sluice::op
