#include "operator/status_drains.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/duration_text.h"
#include "operator/limits.h"
#include "operator/plan.h"

namespace sluice::op {
namespace {

using kube::Json;

double tenths(double value) {
  return std::round(value * 10) / 10;
}

std::string whole_seconds(Duration time) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(time));
}

Duration time_for(std::int64_t connections, double rate) {
  return Duration(static_cast<Duration::rep>(std::min(static_cast<double>(connections) / rate, 1e7) * 1000));
}

/// When the drain will be over: at its present rate or, while it propagates, at what will be its share of the budget.
/// Where that cannot be known the deadline is all that can be told. The gateway spreads departures over the jitter at
/// least, and takes a twentieth longer than the rate alone (docs/design/0001-main-job.md).
Duration time_to_go(const Release& release, const GatewaySpec& spec, WallTime now) {
  const PodView& pod = *release.pod;
  const Duration deadline = std::max<Duration>(release.deadline - now, Duration(0));
  const bool waits = spec.drain.on_timeout == OnTimeout::kWait && release.phase != DrainPhase::kTerminating;
  const Duration at_most = waits ? Duration::max() : deadline;
  switch (release.phase) {
    case DrainPhase::kPropagating:
      return release.done_at ? std::min<Duration>(at_most, *release.done_at - now) : deadline;
    case DrainPhase::kEvicting:
    case DrainPhase::kTerminating: {
      if (!release.left || !pod.state->drain || pod.rate_possible <= 0) return deadline;
      const Duration spread = pod.drain && !pod.terminating
                                  ? pod.drain->started_at + spec.drain.propagation_delay + spec.drain.hint_jitter - now
                                  : Duration(0);
      return std::min(at_most, std::max(spread, time_for(*release.left, pod.rate_possible)));
    }
    case DrainPhase::kTimedOut:
      if (!waits || !release.left || pod.rate_possible <= 0) return Duration(0);
      return time_for(*release.left, pod.rate_possible);
    case DrainPhase::kFrozen:
      return deadline;
    case DrainPhase::kNone:
    case DrainPhase::kDrained:
      break;
  }
  return Duration(0);
}

Json drain_entry(const Release& release, const GatewaySpec& spec, WallTime now) {
  const PodView& pod = *release.pod;
  Json entry{{"pod", pod.name},
             {"uid", pod.uid},
             {"reason", pod.drain ? to_string(pod.drain->reason) : kTerminatingReason},
             {"phase", to_string(release.phase)},
             {"eta", whole_seconds(time_to_go(release, spec, now))},
             {"deadline", format_rfc3339(release.deadline)}};
  if (pod.state) entry["remaining"] = pod.state->connections;
  if (pod.state && pod.state->drain) {
    entry["initial"] = pod.state->drain->initial;
    entry["rate"] = tenths(pod.state->drain->rate);
  }
  return entry;
}

}  // namespace

Json drains_json(const std::vector<Release>& releases, const GatewaySpec& spec, WallTime now) {
  Json list = Json::array();
  for (const Release& release : releases) {
    if (list.size() == kStatusDrainsMax) break;
    list.push_back(drain_entry(release, spec, now));
  }
  return list;
}

Json budget_json(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  return {{"perSecond", tenths(budget_now(spec, seen, now))},
          {"granted", tenths(rate_in_effect(seen, spec, now))},
          {"throttlePercent", std::lround(seen.throttle * 100)}};
}

}  // namespace sluice::op
