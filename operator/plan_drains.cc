#include "operator/plan_drains.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/budget.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

/// Below this a rate is no rate: the pod waits for its share.
constexpr double kRateMin = 0.001;
/// Rates this close to each other are the same.
constexpr double kSameRate = 0.001;
/// A record may be off by this much, since each one is a write to the API server.
constexpr double kRecordTolerance = 0.05;

/// Whether the gateway had no connection left before the deadline, as it said itself.
bool empty_before_deadline(const PodView& pod, WallTime now) {
  return pod.state && pod.state->connections == 0 && pod.empty_for && now - *pod.empty_for < pod.drain->deadline;
}

bool gateway_says_empty(const PodView& pod, WallTime evicting_since, WallTime now) {
  if (!pod.state_fresh(kStateFresh) || !pod.state->drain || pod.state->connections != 0) return false;
  // An answer from before this drain's eviction may be about an earlier drain that was taken back since.
  return now - pod.state_age >= evicting_since;
}

/// What the deadline has closed, or is about to. After it a gateway has no connection left, which says nothing.
std::optional<std::int64_t> cut_by_deadline(const PodView& pod, WallTime now) {
  if (!pod.state) return std::nullopt;
  if (pod.state->connections > 0) return pod.state->connections;
  return empty_before_deadline(pod, now) ? 0 : pod.last_count;
}

DeletePod end_of(const PodView& pod, DrainPhase phase, WallTime now) {
  DeletePod end{.pod = ref_to(pod), .record = pod.drain};
  if (pod.state && pod.state->drain) end.initial = pod.state->drain->initial;
  if (pod.state) end.connections = pod.state->connections;
  if (phase == DrainPhase::kTimedOut) {
    end.reason = DeleteReason::kTimedOut;
    end.connections = cut_by_deadline(pod, now);
  } else if (pod.container != ContainerState::kRunning) {
    end.reason = DeleteReason::kStopped;
    end.only_this_version = !pod.finished;  // The kubelet may start it again: then this is void.
  } else {
    end.reason = DeleteReason::kDrained;
    end.connections = 0;
  }
  return end;
}

bool unreachable(const PodView& pod) {
  return pod.address.empty() || (pod.failure_age && *pod.failure_age < kAdminRetry);
}

double left_on(const PodView& pod) {
  if (!pod.state) return 0;
  return static_cast<double>(pod.state->drain ? pod.state->drain->remaining : pod.state->connections);
}

bool follows_order(const PodView& pod, double rate) {
  return pod.state && order_holds(*pod.state, pod.rate_possible, pod.deadline_ordered, *pod.drain, rate);
}

/// What the draining pods are, as far as the budget goes.
struct Sharers {
  std::vector<const PodView*> evicting;  ///< They get orders.
  double reserved = 0;                   ///< Connections/s that others may be releasing, which no order changes here.
};

/// The shares of the evicting pods, in their order; the last one stands for what is reserved.
std::vector<DrainShare> shares_of(const Sharers& sharers) {
  std::vector<DrainShare> shares;
  shares.reserve(sharers.evicting.size() + 1);
  for (const PodView* pod : sharers.evicting) {
    shares.push_back({.left = left_on(*pod), .rate = pod->rate_possible, .reachable = !unreachable(*pod)});
  }
  shares.push_back({.left = 0, .rate = sharers.reserved, .reachable = false});
  return shares;
}

/// Rates are recorded before more is ordered and after less is known, so that the record is never below what may be in
/// effect. A pod whose labels are put right in this round is written to already.
void give_orders(const Sharers& sharers, double budget, Plan& plan) {
  const auto& evicting = sharers.evicting;
  if (std::any_of(evicting.begin(), evicting.end(), [](const PodView* pod) { return pod->unheard(); })) {
    // A new leader does not know yet what is in effect.
    return plan.wake_within(kPollDraining);
  }
  const std::vector<DrainShare> shares = shares_of(sharers);
  const std::vector<double> rates = split_budget(budget, shares);
  for (std::size_t i = 0; i < evicting.size(); ++i) {
    const PodView& pod = *evicting[i];
    const bool relabeled = std::any_of(plan.relabel.begin(), plan.relabel.end(),
                                       [&](const Relabel& relabel) { return relabel.pod.uid == pod.uid; });
    // A little more than is recorded is not worth a write.
    const bool little_more = rates[i] <= pod.rate_recorded * (1 + kRecordTolerance);
    const double rate = little_more ? std::min(rates[i], pod.rate_recorded) : rates[i];
    if (!shares[i].reachable) {
      plan.wake_within(kAdminRetry);
    } else if (rate < kRateMin) {
      plan.wake_within(kPollDraining);
    } else if (rate > pod.rate_recorded) {
      if (!relabeled) plan.record_rates.push_back({ref_to(pod), rate});
    } else if (!follows_order(pod, rate)) {
      plan.orders.push_back({ref_to(pod), *pod.drain, rate});
    } else if (pod.rate_recorded > rate * (1 + kRecordTolerance) && !relabeled) {
      plan.record_rates.push_back({ref_to(pod), rate});
    }
  }
}

/// A freeze is written on the pod, so that the drain's clock stands still whoever leads, and its gateway is told to let
/// go of nobody. Answers whether there is nothing else to do for the pod now.
bool freeze_or_thaw(const PodView& pod, const GatewaySpec& spec, WallTime now, Plan& plan) {
  const bool frozen = pod.drain->frozen_at.has_value();
  if (frozen != spec.drain_freeze) {
    DrainRecord record = *pod.drain;
    if (frozen) {
      const auto stood_still = now - *std::exchange(record.frozen_at, std::nullopt);
      record.started_at += stood_still;
      record.deadline += stood_still;
    } else {
      record.frozen_at = now;
    }
    plan.rewrite.push_back({ref_to(pod), record});
    return true;
  }
  if (!frozen) return false;
  if (pod.state && pod.state->drain && !pod.address.empty()) {
    if (unreachable(pod)) {
      plan.wake_within(kAdminRetry);
    } else {
      plan.undrain.push_back(ref_to(pod));
    }
  }
  return true;
}

/// Whether its rate counts though it is given no order: its drain was just taken back (its gateway may not hear of it),
/// its record cannot be read, propagation was made longer under way, or its gateway drains though the pod does not.
bool may_release(const PodView& pod) {
  return pod.container == ContainerState::kRunning && !pod.finished;
}

}  // namespace

const char* to_string(DrainPhase phase) {
  switch (phase) {
    case DrainPhase::kNone:
      return "None";
    case DrainPhase::kPropagating:
      return "Propagating";
    case DrainPhase::kEvicting:
      return "Evicting";
    case DrainPhase::kDrained:
      return "Drained";
    case DrainPhase::kTimedOut:
      return "TimedOut";
    case DrainPhase::kFrozen:
      return "Frozen";
  }
  return "";
}

bool order_holds(const GatewayState& state, double rate_possible, std::optional<WallTime> deadline_ordered,
                 const DrainRecord& record, double rate) {
  if (!state.drain) return false;
  const bool same_rate =
      std::abs(state.drain->rate - rate) <= kSameRate * rate && rate_possible <= rate * (1 + kSameRate);
  // The gateway reports its deadline in whole seconds, from a clock of its own.
  const auto same = [](WallTime a, WallTime b) { return std::chrono::abs(a - b) < 2s; };
  const bool cut =
      state.drain->deadline < record.deadline && deadline_ordered && same(*deadline_ordered, record.deadline);
  return same_rate && (cut || same(state.drain->deadline, record.deadline));
}

DrainPhase phase_of(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  if (!pod.drain) return DrainPhase::kNone;
  if (pod.finished || pod.container == ContainerState::kNeverStarted) return DrainPhase::kDrained;
  if (pod.drain->frozen_at)
    return pod.container == ContainerState::kStopped ? DrainPhase::kDrained : DrainPhase::kFrozen;
  const WallTime evicting_since = pod.drain->started_at + spec.drain.propagation_delay;
  if (gateway_says_empty(pod, evicting_since, now) && empty_before_deadline(pod, now)) return DrainPhase::kDrained;
  if (now >= pod.drain->deadline) return DrainPhase::kTimedOut;
  if (now < evicting_since) return DrainPhase::kPropagating;
  if (pod.container == ContainerState::kStopped) return DrainPhase::kDrained;
  return DrainPhase::kEvicting;
}

void plan_drains(const GatewaySpec& spec, const Observed& seen, WallTime now, Plan& plan) {
  std::set<std::string> taken_back;
  for (const CancelDrain& cancel : plan.cancel) taken_back.insert(cancel.pod.uid);
  Sharers sharers;
  for (const PodView& pod : seen.pods) {
    if (pod.terminating) continue;
    const DrainPhase phase = taken_back.contains(pod.uid) ? DrainPhase::kNone : phase_of(pod, spec, now);
    const bool runs =
        phase == DrainPhase::kPropagating || phase == DrainPhase::kEvicting || phase == DrainPhase::kFrozen;
    if (runs && freeze_or_thaw(pod, spec, now, plan)) {
      if (may_release(pod)) sharers.reserved += pod.rate_possible;
      continue;
    }
    switch (phase) {
      case DrainPhase::kPropagating:
        plan.wake_within(pod.drain->started_at + spec.drain.propagation_delay - now);
        [[fallthrough]];
      case DrainPhase::kFrozen:
      case DrainPhase::kNone:
        if (may_release(pod)) sharers.reserved += pod.rate_possible;
        break;
      case DrainPhase::kEvicting:
        plan.wake_within(pod.drain->deadline - now);
        sharers.evicting.push_back(&pod);
        break;
      case DrainPhase::kDrained:
      case DrainPhase::kTimedOut:
        plan.remove.push_back(end_of(pod, phase, now));
        break;
    }
  }
  give_orders(sharers, budget_of(spec, receivers_of(seen)), plan);
}

}  // namespace sluice::op
