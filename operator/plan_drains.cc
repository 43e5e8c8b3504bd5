#include "operator/plan_drains.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/budget.h"
#include "operator/limits.h"
#include "operator/releases.h"

namespace sluice::op {
namespace {

/// Rates this close to each other are the same.
constexpr double kSameRate = 0.001;

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
  } else {
    end.reason = DeleteReason::kDrained;
    end.connections = 0;
  }
  return end;
}

/// Who gets orders, and what others may be releasing meanwhile.
struct Sharers {
  std::vector<Releaser> releasers;
  double reserved = 0;  ///< Connections/s that no order changes here.
};

/// The shares of the releasers, in their order; the last one stands for what is reserved.
std::vector<BudgetShare> shares_of(const Sharers& sharers) {
  std::vector<BudgetShare> shares;
  shares.reserve(sharers.releasers.size() + 1);
  for (const Releaser& releaser : sharers.releasers) shares.push_back(share_of(releaser));
  shares.push_back({.left = 0, .rate = sharers.reserved, .reachable = false});
  return shares;
}

/// Rates are recorded before more is ordered and after less is known, so that the record is never below what may be in
/// effect. A pod whose labels are put right in this round is written to already.
void give_orders(const Sharers& sharers, double budget, Plan& plan) {
  const auto& releasers = sharers.releasers;
  if (std::any_of(releasers.begin(), releasers.end(), [](const Releaser& one) { return one.pod->unheard(); })) {
    // A new leader does not know yet what is in effect.
    return plan.wake_within(kPollDraining);
  }
  const std::vector<BudgetShare> shares = shares_of(sharers);
  const std::vector<double> rates = split_budget(budget, shares);
  for (std::size_t i = 0; i < releasers.size(); ++i) {
    const PodView& pod = *releasers[i].pod;
    const DrainTerms& terms = releasers[i].terms;
    const bool written = std::any_of(plan.relabel.begin(), plan.relabel.end(),
                                     [&](const Relabel& relabel) { return relabel.pod.uid == pod.uid; });
    // A little more than is recorded is not worth a write.
    const bool little_more = rates[i] <= pod.rate_recorded * (1 + kRecordTolerance);
    const double rate = little_more ? std::min(rates[i], pod.rate_recorded) : rates[i];
    const bool holds = pod.state && order_holds(*pod.state, pod.rate_possible, pod.ordered, terms, rate);
    if (!shares[i].reachable) {
      plan.wake_within(kAdminRetry);
    } else if (rate < kRateLeast) {
      // It waits. What it may be releasing is held back: others have the budget.
      if (pod.rate_possible > 0 && !holds) plan.orders.push_back({ref_to(pod), terms, 0});
      plan.wake_within(kPollDraining);
    } else if (rate > pod.rate_recorded) {
      if (!written) plan.record_rates.push_back({ref_to(pod), rate});
      // Less than it may be releasing already takes nothing from anybody, recorded or not.
      if (rate <= pod.rate_possible && !holds) plan.orders.push_back({ref_to(pod), terms, rate});
    } else if (!holds) {
      plan.orders.push_back({ref_to(pod), terms, rate});
    } else if (pod.rate_recorded > rate * (1 + kRecordTolerance) && !written) {
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
    if (out_of_reach(pod)) {
      plan.wake_within(kAdminRetry);
    } else {
      plan.undrain.push_back(ref_to(pod));
    }
  }
  return true;
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
    case DrainPhase::kTerminating:
      return "Terminating";
  }
  return "";
}

bool order_holds(const GatewayState& state, double rate_possible, const std::optional<DrainTerms>& ordered,
                 const DrainTerms& terms, double rate) {
  if (!state.drain) return false;
  // The gateway does not say these two; a new leader takes them for what they are now.
  if (ordered && (ordered->close_code != terms.close_code || ordered->hint_jitter != terms.hint_jitter)) return false;
  const bool same_rate =
      std::abs(state.drain->rate - rate) <= kSameRate * rate && rate_possible <= rate * (1 + kSameRate);
  // The gateway reports its deadline in whole seconds, from a clock of its own.
  const auto same = [](WallTime a, WallTime b) { return std::chrono::abs(a - b) < 2s; };
  const bool cut = state.drain->deadline < terms.deadline && ordered && same(ordered->deadline, terms.deadline);
  return same_rate && (cut || same(state.drain->deadline, terms.deadline));
}

DrainPhase phase_of(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  if (pod.terminating) return may_still_release(pod, spec, now) ? DrainPhase::kTerminating : DrainPhase::kNone;
  if (!pod.drain) return DrainPhase::kNone;
  if (pod.finished || pod.container == ContainerState::kNeverStarted) return DrainPhase::kDrained;
  if (pod.drain->frozen_at)
    return pod.container == ContainerState::kStopped ? DrainPhase::kDrained : DrainPhase::kFrozen;
  const bool waits = spec.drain.on_timeout == OnTimeout::kWait;
  const WallTime evicting_since = pod.drain->started_at + spec.drain.propagation_delay;
  // What waits beyond its deadline is not closed by it: then zero is zero, whenever it is said.
  if (gateway_says_empty(pod, evicting_since, now) && (waits || empty_before_deadline(pod, now))) {
    return DrainPhase::kDrained;
  }
  const bool stopped = pod.container == ContainerState::kStopped;
  if (now >= pod.drain->deadline) return waits && stopped ? DrainPhase::kDrained : DrainPhase::kTimedOut;
  if (now < evicting_since) return DrainPhase::kPropagating;
  if (stopped) return DrainPhase::kDrained;
  return DrainPhase::kEvicting;
}

void plan_drains(const GatewaySpec& spec, const Observed& seen, WallTime now, Plan& plan) {
  std::set<std::string> taken_back;
  for (const CancelDrain& cancel : plan.cancel) taken_back.insert(cancel.pod.uid);
  Sharers sharers;
  for (const PodView& pod : seen.pods) {
    const DrainPhase phase = taken_back.contains(pod.uid) ? DrainPhase::kNone : phase_of(pod, spec, now);
    if (pod.terminating && phase != DrainPhase::kTerminating) continue;
    const bool waits = phase == DrainPhase::kTimedOut && spec.drain.on_timeout == OnTimeout::kWait;
    const bool runs =
        phase == DrainPhase::kPropagating || phase == DrainPhase::kEvicting || phase == DrainPhase::kFrozen || waits;
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
        sharers.releasers.push_back(releaser_of(pod, spec, now));
        break;
      case DrainPhase::kTerminating:
        sharers.releasers.push_back(releaser_of(pod, spec, now));
        break;
      case DrainPhase::kTimedOut:
        if (waits) {
          sharers.releasers.push_back(releaser_of(pod, spec, now));
          break;
        }
        [[fallthrough]];
      case DrainPhase::kDrained:
        plan.remove.push_back(end_of(pod, phase, now));
        break;
    }
  }
  if (!sharers.releasers.empty() && seen.throttle < 1) plan.wake_within(kThrottleEvery);
  give_orders(sharers, budget_now(spec, seen, now), plan);
}

}  // namespace sluice::op
