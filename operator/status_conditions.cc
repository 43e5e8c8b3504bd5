#include "operator/status_conditions.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/duration_text.h"
#include "operator/status_drains.h"
#include "operator/status_offline.h"

namespace sluice::op {
namespace {

using kube::Json;

struct Condition {
  const char* type;
  bool holds;
  std::string reason;
  std::string message;
};

Condition available_condition(const GatewaySpec& spec, const StatusCounts& counts) {
  // As many may be missing as evictions may take, but not all of them.
  const int least =
      std::max(spec.replicas - spec.disruption_unavailable.of(spec.replicas, Round::kUp), std::min(spec.replicas, 1));
  const bool enough = counts.available >= least;
  return {"Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
          std::to_string(counts.available) + " of " + std::to_string(spec.replicas) + " pods are available"};
}

Condition progressing_condition(const GatewaySpec& spec, const Observed& seen, const StatusCounts& counts,
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

Condition blocked_condition(const Plan& plan) {
  if (plan.objection.empty()) return {"ScaleDownBlocked", false, "NotBlocked", "nothing keeps a drain from beginning"};
  return {"ScaleDownBlocked", true, "CapacityGuard", plan.objection};
}

Condition offline_condition(const Observed& seen, const Plan& plan, const GatewaySpec& spec) {
  const std::string out = offline_sentence(seen, spec);
  if (!plan.kicks_held.empty()) {
    return {"PodsOffline", !out.empty(), "KickHeld", plan.kicks_held + (out.empty() ? "" : "; " + out)};
  }
  if (!out.empty()) return {"PodsOffline", true, "OutOfTheFleet", out};
  return {"PodsOffline", false, "NoneOffline", "every pod answers"};
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

}  // namespace

Json conditions_json(const Json& gateway, const GatewaySpec& spec, const Observed& seen, const StatusCounts& counts,
                     const Plan& plan, const Problem& problem, WallTime now) {
  const auto drains = drains_of(seen);
  Json conditions = Json::array();
  for (const Condition& condition :
       {available_condition(spec, counts), progressing_condition(spec, seen, counts, problem),
        draining_condition(drains, spec, now), blocked_condition(plan), offline_condition(seen, plan, spec)}) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  return conditions;
}

}  // namespace sluice::op
