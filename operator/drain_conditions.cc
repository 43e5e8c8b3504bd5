#include "operator/drain_conditions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "common/base/duration_text.h"
#include "operator/node_limits.h"
#include "operator/releases.h"
#include "operator/status.h"

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kDraining = "Draining";
constexpr const char* kWillTimeOut = "DrainWillTimeOut";
constexpr const char* kBlocked = "ScaleDownBlocked";
constexpr const char* kExhausted = "BudgetExhausted";
constexpr const char* kNodeLimits = "NodeLimits";

/// Once told, DrainWillTimeOut holds until the drain would be done so much of its time before the deadline: figures
/// that swing about it must not make it come and go.
constexpr double kRelief = 0.05;

std::string left_of(const Release& release) {
  if (!release.left) return "an unknown number of connections";
  return short_count(*release.left) + (*release.left == 1 ? " connection" : " connections");
}

std::string rate_of(double per_second) {
  if (per_second < 10) {
    std::string text = std::to_string(std::round(per_second * 10) / 10);
    return text.substr(0, text.find('.') + 2) + "/s";
  }
  return short_count(std::llround(per_second)) + "/s";
}

const char* reason_of(const PodView& pod) {
  return pod.drain ? to_string(pod.drain->reason) : kTerminatingReason;
}

bool waits(const GatewaySpec& spec) {
  return spec.drain.on_timeout == OnTimeout::kWait;
}

std::string story_of(const Release& release, const GatewaySpec& spec) {
  const PodView& pod = *release.pod;
  const std::string why = std::string(" (") + reason_of(pod) + ")";
  const std::string with = " with " + left_of(release) + " left";
  const std::string deadline = format_rfc3339(release.deadline);
  switch (release.phase) {
    case DrainPhase::kFrozen:
      return pod.name + " stands still" + why + with + " since " + format_rfc3339(*pod.drain->frozen_at) +
             ", until spec.drainFreeze is false";
    case DrainPhase::kTimedOut:
      if (!waits(spec)) break;
      return pod.name + " has passed its deadline" + why + with + ": it goes on, since drain.onTimeout is Wait; " +
             "delete the pod to end it";
    case DrainPhase::kTerminating:
      return pod.name + " is being deleted" + with + ": what is left at " + deadline + " is closed";
    case DrainPhase::kEvicting:
      if (release.share < kRateLeast) return pod.name + " waits for a share of the budget" + why + with;
      break;
    default:
      break;
  }
  return pod.name + " is " + to_string(release.phase) + why + with + " until " + deadline +
         (waits(spec) ? ", and beyond it if need be" : " at the latest");
}

Condition draining(const std::vector<Release>& releases, const GatewaySpec& spec) {
  if (releases.empty()) return {kDraining, false, "NoDrain", "no pod drains"};
  std::string message = story_of(releases.front(), spec);
  if (releases.size() > 1) message += ", and " + std::to_string(releases.size() - 1) + " more";
  const auto any = [&](DrainPhase phase) {
    return std::any_of(releases.begin(), releases.end(), [&](const Release& one) { return one.phase == phase; });
  };
  const char* reason = any(DrainPhase::kFrozen) ? "Frozen" : any(DrainPhase::kTimedOut) ? "TimedOut" : "PodsDraining";
  return {kDraining, true, reason, std::move(message)};
}

/// By how much a drain will miss its deadline. Unset where it will not, or where nobody can say.
std::optional<Duration> lateness(const Release& release, WallTime now, bool told) {
  if (release.phase == DrainPhase::kDrained || !release.done_at) return std::nullopt;
  const Duration time_left = std::max<Duration>(release.deadline - now, Duration(0));
  const auto relief =
      told ? Duration(static_cast<Duration::rep>(kRelief * static_cast<double>(time_left.count()))) : 0ms;
  const Duration late = *release.done_at - release.deadline;
  if (late <= -relief || (late <= 0ms && !told)) return std::nullopt;
  return std::max(late, Duration(0));
}

/// "20m", "40s": as exact as it is worth telling.
std::string about(Duration time) {
  if (time >= 2min) return std::to_string(std::chrono::ceil<std::chrono::minutes>(time).count()) + "m";
  const Duration unit = 10s;
  return format_duration(std::max<Duration>((time + unit / 2) / unit * unit, unit));
}

std::string remedy(const Release& release, const GatewaySpec& spec, const Observed& seen) {
  if (release.phase == DrainPhase::kTerminating) {
    return "raise template.spec.terminationGracePeriodSeconds for the pods to come";
  }
  const bool by_max = spec.budget.per_receiver * std::max(1, receivers_of(seen)) >= spec.budget.max;
  const std::string budget = by_max ? "reconnectBudget.perSecondMax" : "reconnectBudget.perSecondPerReceiver";
  const std::string slow = seen.throttle < 1 ? "; the receivers' slow handshakes throttle the budget, too" : "";
  return "raise " + budget + ", or drain.timeout for the drains to come" + slow;
}

Condition will_time_out(const std::vector<Release>& releases, const Json& gateway, const GatewaySpec& spec,
                        const Observed& seen, WallTime now) {
  const bool told = kube::text_at(condition_before(gateway, kWillTimeOut), "/status") == "True";
  const Release* worst = nullptr;
  Duration most{0};
  int count = 0;
  for (const Release& release : releases) {
    const auto late = lateness(release, now, told);
    if (!late) continue;
    ++count;
    if (worst == nullptr || *late > most) {
      worst = &release;
      most = *late;
    }
  }
  if (worst == nullptr) return {kWillTimeOut, false, "InTime", "no drain is expected to miss its deadline"};
  // Whole minutes, upwards.
  const WallTime done = std::chrono::ceil<std::chrono::minutes>(*worst->done_at);
  std::string message = worst->pod->name + " has " + left_of(*worst) + " left and gets " + rate_of(worst->share) +
                        ": it would be done at " + format_rfc3339(done) + ", " + about(most) + " after its deadline, " +
                        format_rfc3339(worst->deadline) + "; ";
  message += waits(spec) && worst->phase != DrainPhase::kTerminating ? "it goes on past it (drain.onTimeout is Wait)"
                                                                     : "what is left then is closed at once";
  message += ": " + remedy(*worst, spec, seen);
  if (count > 1) message += "; and " + std::to_string(count - 1) + " more";
  return {kWillTimeOut, true, worst->phase == DrainPhase::kTimedOut ? "TimedOut" : "BudgetTooSmall",
          std::move(message)};
}

Condition blocked(const Plan& plan) {
  if (plan.objection.empty()) return {kBlocked, false, "NotBlocked", "nothing keeps a drain from beginning"};
  return {kBlocked, true, plan.objection_reason, plan.objection};
}

Condition exhausted(const std::vector<Release>& releases, const GatewaySpec& spec, const Observed& seen, WallTime now) {
  const double budget = budget_of(spec, receivers_of(seen), seen.throttle);
  const double needed = budget_now(spec, seen, now);
  if (needed > budget) {
    return {kExhausted, true, "PodsTerminate",
            "pods that are being deleted need " + rate_of(needed) +
                " to be done within their grace periods, and the budget is " + rate_of(budget) +
                ": they get it, and other drains wait"};
  }
  const auto waiting = std::find_if(releases.begin(), releases.end(), [](const Release& release) {
    return release.phase == DrainPhase::kEvicting && release.share < kRateLeast;
  });
  if (waiting != releases.end()) {
    return {kExhausted, true, "Reserved",
            waiting->pod->name +
                " waits: pods that do not answer, or were just taken back, may be using up the budget of " +
                rate_of(budget)};
  }
  if (!releases.empty() && seen.throttle < 1) {
    return {kExhausted, true, "Throttled",
            "the receivers need up to " +
                format_duration(Duration(std::llround(receivers_handshake_p99(seen) * 10) * 100)) +
                " for a handshake (99th percentile; reconnectBudget.handshakeP99Max is " +
                format_duration(spec.budget.handshake_p99_max) + "): drains get " +
                std::to_string(std::lround(seen.throttle * 100)) + "% of the budget"};
  }
  return {kExhausted, false, "Enough", "every drain has its share of the budget"};
}

Condition limits(const GatewaySpec& spec, const Observed& seen) {
  if (auto shortage = node_shortage(spec, seen)) return {kNodeLimits, true, shortage->reason, shortage->sentence};
  return {kNodeLimits, false, "Enough", "what gateways report of their machines carries capacity.connectionsPerPod"};
}

}  // namespace

std::vector<Condition> drain_conditions(const Json& gateway, const GatewaySpec& spec, const Observed& seen,
                                        const Plan& plan, WallTime now) {
  const std::vector<Release> releases = releases_of(spec, seen, now);
  return {draining(releases, spec), will_time_out(releases, gateway, spec, seen, now), blocked(plan),
          exhausted(releases, spec, seen, now), limits(spec, seen)};
}

}  // namespace sluice::op
