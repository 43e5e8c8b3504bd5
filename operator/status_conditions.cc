#include "operator/status_conditions.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/duration_text.h"
#include "operator/condition.h"
#include "operator/drain_conditions.h"

namespace sluice::op {
namespace {

using kube::Json;

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

}  // namespace

Json conditions_json(const Json& gateway, const GatewaySpec& spec, const Observed& seen, const StatusCounts& counts,
                     const Plan& plan, const Problem& problem, WallTime now) {
  Json conditions = Json::array();
  for (const Condition& condition :
       {available_condition(spec, counts), progressing_condition(spec, seen, counts, problem)}) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  for (const Condition& condition : drain_conditions(gateway, spec, seen, plan, now)) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  return conditions;
}

}  // namespace sluice::op
