// The part of the plan that drives running drains. Pure.
#pragma once

#include <optional>

#include "operator/plan.h"

namespace sluice::op {

/// Whether a gateway in `state` does what an order of `rate` for `record` would tell it, so that there is nothing to
/// order. `rate_possible` and `deadline_ordered` as model.h's PodView has them. A gateway that terminates has cut its
/// deadline and would cut it again: a deadline earlier than what it was ordered is as good.
bool order_holds(const GatewayState& state, double rate_possible, std::optional<WallTime> deadline_ordered,
                 const DrainRecord& record, double rate);

/// What every running drain needs now: its share of the budget, its deletion, or time. What `plan` takes back already
/// is no drain any more, but keeps its rate until its gateway has answered.
void plan_drains(const GatewaySpec& spec, const Observed& seen, WallTime now, Plan& plan);

}  // namespace sluice::op
