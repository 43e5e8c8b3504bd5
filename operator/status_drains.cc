#include "operator/status_drains.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/duration_text.h"
#include "operator/budget.h"
#include "operator/limits.h"
#include "operator/plan.h"

namespace sluice::op {
namespace {

using kube::Json;

std::string whole_seconds(Duration time) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(time));
}

/// Connections that a budget is split by.
double left_on(const PodView& pod) {
  return pod.state ? std::max(static_cast<double>(pod.state->connections), 1.0) : 1.0;
}

Duration time_for(double connections, double rate) {
  return Duration(static_cast<Duration::rep>(std::min(connections / rate, 1e7) * 1000));
}

/// When the drain will be over: at its present rate or, while it propagates, at what will be its `share` of the budget.
/// Where that cannot be known the deadline is all that can be told. The gateway spreads departures over the jitter at
/// least, and takes a twentieth longer than the rate alone (docs/design/0001-main-job.md).
Duration time_to_go(const PodView& pod, double share, const GatewaySpec& spec, WallTime now) {
  const Duration at_most = std::max<Duration>(pod.drain->deadline - now, Duration(0));
  const Duration propagation = pod.drain->started_at + spec.drain.propagation_delay - now;
  switch (phase_of(pod, spec, now)) {
    case DrainPhase::kPropagating:
      if (!pod.state) return at_most;
      return std::min(at_most, propagation + std::max(spec.drain.hint_jitter, time_for(1.05 * left_on(pod), share)));
    case DrainPhase::kEvicting:
      if (!pod.state || !pod.state->drain || pod.rate_possible <= 0) return at_most;
      return std::min(at_most,
                      std::max(propagation + spec.drain.hint_jitter, time_for(left_on(pod), pod.rate_possible)));
    case DrainPhase::kFrozen:
      return at_most;
    case DrainPhase::kNone:
    case DrainPhase::kDrained:
    case DrainPhase::kTimedOut:
      break;
  }
  return Duration(0);
}

Json drain_entry(const PodView& pod, double share, const GatewaySpec& spec, WallTime now) {
  Json entry{{"pod", pod.name},
             {"uid", pod.uid},
             {"reason", to_string(pod.drain->reason)},
             {"phase", to_string(phase_of(pod, spec, now))},
             {"eta", whole_seconds(time_to_go(pod, share, spec, now))},
             {"deadline", format_rfc3339(pod.drain->deadline)}};
  if (pod.state) entry["remaining"] = pod.state->connections;
  if (pod.state && pod.state->drain) {
    entry["initial"] = pod.state->drain->initial;
    entry["rate"] = std::round(pod.state->drain->rate * 10) / 10;
  }
  return entry;
}

}  // namespace

std::vector<const PodView*> drains_of(const Observed& seen) {
  std::vector<const PodView*> drains;
  for (const PodView& pod : seen.pods) {
    if (pod.drain && !pod.terminating) drains.push_back(&pod);
  }
  std::stable_sort(drains.begin(), drains.end(),
                   [](const PodView* a, const PodView* b) { return a->drain->started_at < b->drain->started_at; });
  return drains;
}

Json drains_json(const std::vector<const PodView*>& drains, const GatewaySpec& spec, const Observed& seen,
                 WallTime now) {
  double left = 0;
  for (const PodView* pod : drains) left += left_on(*pod);
  const double budget = budget_of(spec, receivers_of(seen));
  Json list = Json::array();
  for (const PodView* pod : drains) {
    if (list.size() == kStatusDrainsMax) break;
    list.push_back(drain_entry(*pod, budget * left_on(*pod) / left, spec, now));
  }
  return list;
}

}  // namespace sluice::op
