#include "operator/status.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/duration_text.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan.h"
#include "operator/status_conditions.h"
#include "operator/status_counts.h"
#include "operator/status_drains.h"
#include "operator/status_offline.h"

namespace sluice::op {
namespace {

using kube::Json;

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
Json connections_json(const Json& gateway, const StatusCounts& counts) {
  const Json& before = kube::at_pointer(gateway, "/status/connections");
  if (!counts.all_heard && before.is_object()) return before;
  return {{"active", rounded_count(counts.connections)},
          {"draining", rounded_count(counts.connections_draining)},
          {"summary", short_count(counts.connections + counts.connections_draining)}};
}

/// "Canary 40%", "Rolling 60%", "Paused 60%", "Halted 5%", "Complete": the column of `kubectl get`.
std::string rollout_summary(const GatewaySpec& spec, const StatusCounts& counts, const CanaryProgress& canary,
                            int percent) {
  if (counts.updated >= counts.live && canary.phase == CanaryPhase::kDone) return "Complete";
  if (canary.phase == CanaryPhase::kHalted) return "Halted " + std::to_string(percent) + "%";
  if (canary.phase != CanaryPhase::kDone) {
    return (spec.paused ? "Paused " : "Canary ") + std::to_string(percent) + "%";
  }
  const int updated = counts.live > 0 ? 100 * counts.updated / counts.live : 0;
  return (spec.paused ? "Paused " : "Rolling ") + std::to_string(updated) + "%";
}

Json rollout_json(const GatewaySpec& spec, const Observed& seen, const StatusCounts& counts,
                  const CanaryDecision& canary) {
  const CanaryProgress& progress = canary.progress;
  if (progress.revision.empty()) return Json::object();
  Json rollout{{"revision", progress.revision},
               {"phase", to_string(progress.phase)},
               {"since", format_rfc3339(progress.since)},
               {"summary", rollout_summary(spec, counts, progress, canary.percent)}};
  if (progress.revision != seen.revision) rollout["summary"] = "Refused";
  if (!progress.message.empty()) rollout["message"] = progress.message;
  if (progress.phase != CanaryPhase::kDone) {
    rollout["step"] = progress.step + 1;
    rollout["steps"] = spec.rollout.canary.steps.size();
    rollout["percent"] = canary.percent;
  }
  return rollout;
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

Json compute_status(const Json& gateway, const GatewaySpec& spec, const Observed& seen, const Plan& plan,
                    const Problem& problem, WallTime now) {
  const StatusCounts counts = count_pods(spec, seen, now);
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
              {"rollout", rollout_json(spec, seen, counts, plan.canary)},
              {"drains", drains_json(drains_of(seen), spec, seen, now)},
              {"offline", offline_json(seen, spec)},
              {"rebalance", rebalance_json(seen, spec, plan)}};
  const auto collisions =
      kube::integer_at(gateway, "/status/collisionCount", 0) + (problem.reason == "RevisionCollision");
  if (collisions > 0) status["collisionCount"] = collisions;
  status["conditions"] = conditions_json(gateway, spec, seen, counts, plan, problem, now);
  return status;
}

bool differs_beyond_counts(const Json& before, const Json& after) {
  return without_counts(before) != without_counts(after);
}

}  // namespace sluice::op
