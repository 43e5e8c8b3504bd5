#include "operator/status_conditions.h"

#include "operator/condition.h"
#include "operator/drain_conditions.h"
#include "operator/rollout_conditions.h"
#include "operator/status_offline.h"

namespace sluice::op {

using kube::Json;

Json conditions_json(const Json& gateway, const GatewaySpec& spec, const Observed& seen, const StatusCounts& counts,
                     const Plan& plan, const Problem& problem, WallTime now) {
  const RolloutStory story{spec, seen, counts, plan, problem, now};
  Json conditions = Json::array();
  for (const Condition& condition :
       {available_condition(story), progressing_condition(story), paused_condition(story), canary_condition(story)}) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  for (const Condition& condition : drain_conditions(gateway, spec, seen, plan, now)) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  conditions.push_back(condition_json(offline_condition(seen, plan, spec), gateway, now));
  return conditions;
}

}  // namespace sluice::op
