#include "operator/condition.h"

#include "common/base/duration_text.h"

namespace sluice::op {

using kube::Json;

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

}  // namespace sluice::op
