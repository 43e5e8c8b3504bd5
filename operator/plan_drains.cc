#include "operator/plan_drains.h"

#include <algorithm>
#include <cmath>

#include "operator/budget.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

/// Below this a rate is no rate: the pod waits for its share.
constexpr double kRateMin = 0.001;
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

void give_orders(const std::vector<const PodView*>& evicting, const GatewaySpec& spec, int receivers, Plan& plan) {
  std::vector<DrainShare> shares;
  shares.reserve(evicting.size());
  for (const PodView* pod : evicting) {
    shares.push_back({.left = left_on(*pod), .rate = pod->rate_possible, .reachable = !unreachable(*pod)});
  }
  const std::vector<double> rates = split_budget(budget_of(spec, receivers), shares);
  for (std::size_t i = 0; i < evicting.size(); ++i) {
    if (!shares[i].reachable) {
      plan.wake_within(kAdminRetry);
    } else if (rates[i] < kRateMin) {
      plan.wake_within(kPollDraining);
    } else if (!follows_order(*evicting[i], rates[i])) {
      plan.orders.push_back({ref_to(*evicting[i]), *evicting[i]->drain, rates[i]});
    }
  }
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
  const WallTime evicting_since = pod.drain->started_at + spec.propagation_delay;
  if (gateway_says_empty(pod, evicting_since, now) && empty_before_deadline(pod, now)) return DrainPhase::kDrained;
  if (now >= pod.drain->deadline) return DrainPhase::kTimedOut;
  if (now < evicting_since) return DrainPhase::kPropagating;
  if (pod.container == ContainerState::kStopped) return DrainPhase::kDrained;
  return DrainPhase::kEvicting;
}

void plan_drains(const GatewaySpec& spec, const std::vector<const PodView*>& draining, int receivers, WallTime now,
                 Plan& plan) {
  std::vector<const PodView*> evicting;
  for (const PodView* pod : draining) {
    const DrainPhase phase = phase_of(*pod, spec, now);
    switch (phase) {
      case DrainPhase::kNone:
        break;
      case DrainPhase::kPropagating:
        plan.wake_within(pod->drain->started_at + spec.propagation_delay - now);
        break;
      case DrainPhase::kEvicting:
        plan.wake_within(pod->drain->deadline - now);
        evicting.push_back(pod);
        break;
      case DrainPhase::kDrained:
      case DrainPhase::kTimedOut:
        plan.remove.push_back(end_of(*pod, phase, now));
        break;
    }
  }
  give_orders(evicting, spec, receivers, plan);
}

}  // namespace sluice::op
