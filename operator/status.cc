#include "operator/status.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/duration_text.h"
#include "operator/budget.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan.h"

namespace sluice::op {
namespace {

using kube::Json;

struct Counts {
  int live = 0;
  int ready = 0;
  int available = 0;
  int updated = 0;
  int draining = 0;
  std::int64_t connections = 0;
  std::int64_t connections_draining = 0;
  bool all_heard = true;  ///< Every gateway that runs has answered, or failed to, since this process began.
};

Counts count(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  Counts counts;
  for (const PodView& pod : seen.pods) {
    const std::int64_t connections = pod.state ? pod.state->connections : 0;
    if (pod.unheard() && pod.container == ContainerState::kRunning && !pod.terminating) counts.all_heard = false;
    if (is_live(pod)) {
      ++counts.live;
      counts.ready += pod.ready;
      counts.available += is_available(pod, spec, now);
      counts.updated += pod.revision == seen.revision;
      counts.connections += connections;
    } else if (pod.draining() && !pod.terminating) {
      ++counts.draining;
      counts.connections_draining += connections;
    }
  }
  return counts;
}

/// The revision that the fleet is on: the newest once all pods are, the former one while they are not.
std::string current_revision(const Json& gateway, const Observed& seen) {
  std::map<std::string, int> pods_of;
  for (const PodView& pod : seen.pods) {
    if (is_live(pod) && pod.revision != seen.revision) ++pods_of[pod.revision];
  }
  if (pods_of.empty()) return seen.revision;
  std::string before = kube::text_at(gateway, "/status/currentRevision");
  if (!before.empty() && before != seen.revision) return before;
  return std::max_element(pods_of.begin(), pods_of.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

/// A new leader knows no counts until it has asked every pod: until then the former ones stand, and no zero is told.
Json connections_json(const Json& gateway, const Counts& counts) {
  const Json& before = kube::at_pointer(gateway, "/status/connections");
  if (!counts.all_heard && before.is_object()) return before;
  return {{"active", rounded_count(counts.connections)},
          {"draining", rounded_count(counts.connections_draining)},
          {"summary", short_count(counts.connections + counts.connections_draining)}};
}

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
  const Duration propagation = pod.drain->started_at + spec.propagation_delay - now;
  switch (phase_of(pod, spec, now)) {
    case DrainPhase::kPropagating:
      if (!pod.state) return at_most;
      return std::min(at_most, propagation + std::max(spec.hint_jitter, time_for(1.05 * left_on(pod), share)));
    case DrainPhase::kEvicting:
      if (!pod.state || !pod.state->drain || pod.rate_possible <= 0) return at_most;
      return std::min(at_most, std::max(propagation + spec.hint_jitter, time_for(left_on(pod), pod.rate_possible)));
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

struct Condition {
  const char* type;
  bool holds;
  std::string reason;
  std::string message;
};

Condition available_condition(const GatewaySpec& spec, const Counts& counts) {
  // As many may be missing as evictions may take, but not all of them.
  const int least = std::max(spec.replicas - max_unavailable_of(spec), std::min(spec.replicas, 1));
  const bool enough = counts.available >= least;
  return {"Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
          std::to_string(counts.available) + " of " + std::to_string(spec.replicas) + " pods are available"};
}

Condition progressing_condition(const GatewaySpec& spec, const Observed& seen, const Counts& counts,
                                const Problem& problem) {
  const std::string target = std::to_string(spec.replicas);
  if (!problem.reason.empty()) return {"Progressing", false, problem.reason, problem.message};
  if (seen.deleting) return {"Progressing", true, "Deleting", "pods are drained before the gateway goes"};
  if (counts.updated < counts.live) {
    return {"Progressing", true, "RollingOut",
            std::to_string(counts.updated) + " of " + target + " pods are of revision " + seen.revision};
  }
  if (counts.live < spec.replicas) {
    return {"Progressing", true, "ScalingUp", std::to_string(counts.live) + " of " + target + " pods exist"};
  }
  if (counts.live > spec.replicas) {
    return {"Progressing", true, "ScalingDown", std::to_string(counts.live) + " pods serve, " + target + " are wanted"};
  }
  if (counts.available < spec.replicas) {
    return {"Progressing", true, "WaitingForPods", "not every pod has been ready for minReadySeconds"};
  }
  if (counts.draining > 0) return {"Progressing", true, "Draining", "pods that go are moving their connections"};
  return {"Progressing", false, "AtTarget", "all " + target + " pods are as asked for"};
}

Condition draining_condition(const std::vector<const PodView*>& drains, const GatewaySpec& spec, WallTime now) {
  if (drains.empty()) return {"Draining", false, "NoDrain", "no pod drains"};
  const PodView& first = *drains.front();
  std::string message = first.name + " is " + to_string(phase_of(first, spec, now)) + " (" +
                        to_string(first.drain->reason) + ") until " + format_rfc3339(first.drain->deadline) +
                        " at the latest";
  if (drains.size() > 1) message += ", and " + std::to_string(drains.size() - 1) + " more";
  return {"Draining", true, "PodsDraining", std::move(message)};
}

const Json& condition_before(const Json& gateway, const char* type) {
  static const Json kNull;
  const Json& conditions = kube::at_pointer(gateway, "/status/conditions");
  if (!conditions.is_array()) return kNull;
  for (const Json& condition : conditions) {
    if (kube::text_at(condition, "/type") == type) return condition;
  }
  return kNull;
}

Json condition_json(const Condition& condition, const Json& gateway, WallTime now) {
  const char* status = condition.holds ? "True" : "False";
  const Json& before = condition_before(gateway, condition.type);
  const std::string since = kube::text_at(before, "/lastTransitionTime");
  const bool same = kube::text_at(before, "/status") == status && !since.empty();
  return {{"type", condition.type},
          {"status", status},
          {"reason", condition.reason},
          {"message", condition.message},
          {"lastTransitionTime", same ? since : format_rfc3339(now)},
          {"observedGeneration", kube::integer_at(gateway, "/metadata/generation", 0)}};
}

/// The status without what moves all the time.
Json without_counts(Json status) {
  if (!status.is_object()) return status;
  status.erase("connections");
  const auto drains = status.find("drains");
  if (drains == status.end() || !drains->is_array()) return status;
  for (Json& drain : *drains) {
    if (!drain.is_object()) continue;
    for (const char* field : {"remaining", "initial", "rate", "eta"}) {
      if (drain.contains(field)) drain[field] = nullptr;  // That a figure is known at last is worth telling at once.
    }
  }
  return status;
}

}  // namespace

std::int64_t rounded_count(std::int64_t count) {
  std::int64_t unit = 1;
  while (count / unit >= 1000) unit *= 10;
  return (count + unit / 2) / unit * unit;
}

std::string short_count(std::int64_t count) {
  if (count < 1000) return std::to_string(count);
  double value = static_cast<double>(rounded_count(count)) / 1000;
  const char* unit = "k";
  if (value >= 1000) {
    value /= 1000;
    unit = "M";
  }
  // One place after the point where it says something: 9.8k, but 10k and 481k.
  const auto tenths = std::llround(value * 10);
  if (value >= 10 || tenths % 10 == 0) return std::to_string(std::llround(value)) + unit;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + unit;
}

Json compute_status(const Json& gateway, const GatewaySpec& spec, const Observed& seen, const Problem& problem,
                    WallTime now) {
  const Counts counts = count(spec, seen, now);
  const auto drains = drains_of(seen);
  Json status{{"observedGeneration", kube::integer_at(gateway, "/metadata/generation", 0)},
              {"replicas", counts.live},
              {"readyReplicas", counts.ready},
              {"availableReplicas", counts.available},
              {"updatedReplicas", counts.updated},
              {"drainingReplicas", counts.draining},
              {"selector", replica_selector(seen.name)},
              {"currentRevision", current_revision(gateway, seen)},
              {"updateRevision", seen.revision},
              {"connections", connections_json(gateway, counts)},
              {"drains", drains_json(drains, spec, seen, now)}};
  Json& conditions = status["conditions"] = Json::array();
  for (const Condition& condition :
       {available_condition(spec, counts), progressing_condition(spec, seen, counts, problem),
        draining_condition(drains, spec, now)}) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  return status;
}

bool differs_beyond_counts(const Json& before, const Json& after) {
  return without_counts(before) != without_counts(after);
}

}  // namespace sluice::op
