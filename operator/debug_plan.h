// GET /debug/v1/plan?namespace=..&name=..[&replicas=N]: what would happen if spec.replicas were N, as the operator that
// answers would do it with what it knows (forecast.h). Reads only; no secret is in it. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/kube/resource.h"
#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

inline constexpr const char* kDebugPlanPath = "/debug/v1/plan";

struct PlanQuestion {
  std::string ns;
  std::string name;
  std::optional<int> replicas;  ///< Unset: as the spec has it.
};

/// From a URL's query. Errors: kInvalid, a sentence that names the parameter.
Result<PlanQuestion> parse_plan_question(std::string_view query);

/// What a reconcile would look at.
struct PlanBasis {
  GatewaySpec spec;
  Observed seen;
};

/// The answer's body; its fields: cli/README.md.
kube::Json explain_plan(const PlanBasis& basis, std::optional<int> replicas, WallTime now);

struct PlanAnswer {
  int status = 200;
  std::string body;  ///< JSON; a Status where `status` is no 200.
};

/// `look` answers what is known of "namespace/name", or nothing.
PlanAnswer answer_plan(std::string_view query, const std::function<std::optional<PlanBasis>(const std::string&)>& look,
                       WallTime now);

}  // namespace sluice::op
