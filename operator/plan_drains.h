// The part of the plan that drives running drains. Pure.
#pragma once

#include <optional>

#include "operator/plan.h"

namespace sluice::op {

/// Whether a gateway in `state` does what an order of `rate` with `terms` would tell it, so that there is nothing to
/// order. `rate_possible` and `ordered` as model.h's PodView has them. A gateway that terminates has cut its deadline
/// and would cut it again: a deadline earlier than what it was ordered is as good.
bool order_holds(const GatewayState& state, double rate_possible, const std::optional<DrainTerms>& ordered,
                 const DrainTerms& terms, double rate);

/// What every running drain needs now: its share of the budget, its deletion, or time; and what a pod that is being
/// deleted anyway needs: its share. A freeze does not reach that one: the kubelet's clock runs. What `plan` takes back
/// already is no drain any more, but keeps its rate until its gateway has answered.
void plan_drains(const GatewaySpec& spec, const Observed& seen, WallTime now, Plan& plan);

}  // namespace sluice::op
