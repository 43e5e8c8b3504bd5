#include "operator/status_conditions.h"

#include <string>
#include <vector>

#include "common/base/duration_text.h"
#include "operator/rollout_conditions.h"
#include "operator/status_drains.h"

namespace sluice::op {
namespace {

using kube::Json;

struct Condition {
  const char* type;
  bool holds;
  std::string reason;
  std::string message;
};

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
  const RolloutStory story{spec, seen, counts, plan, problem, now};
  const auto of = [](RolloutCondition told) {
    return Condition{told.type, told.holds, std::move(told.reason), std::move(told.message)};
  };
  Json conditions = Json::array();
  for (const Condition& condition :
       {of(available_condition(story)), of(progressing_condition(story)), of(paused_condition(story)),
        of(canary_condition(story)), draining_condition(drains, spec, now), blocked_condition(plan)}) {
    conditions.push_back(condition_json(condition, gateway, now));
  }
  return conditions;
}

}  // namespace sluice::op
