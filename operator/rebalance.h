// Full pods beside empty ones, as a scale-up leaves them: the full ones leave the endpoints until the others have
// caught up, so that arrivals alone mend it; with `Move` they also release what they have above the mean, only
// connections that understand hints, within the reconnect budget. Pure; a step of plan_gateway.
//
// A pod that stays in the endpoints would get back most of what it releases: with one newcomer among n pods, moving x
// connections would bring it x/n.
//
// That a pod is out stands on it (its label `sluice.dev/traffic`), what it releases in its gateway's state: a new
// leader goes on from there. It swings not: a pod leaves above spec.rebalance.skewPercent and comes back below half of
// it; one order is given each time it is out; and nothing begins for kRebalanceHold after the last rebalance.
#pragma once

#include "operator/plan_pods.h"

namespace sluice::op {

/// Whether the fleet is at rest but for its balance: as many pods as asked for, all available and of one revision, none
/// that drains, ends or is out. The budget is one, and a pod that is lost needs the full ones back.
bool may_rebalance(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, const Plan& plan,
                   WallTime now);

/// Fills plan.rebalanced, plan.traffic_off, plan.watched, plan.sheds, plan.unshed and plan.record_rates. Where the
/// fleet is not at rest any more it names nobody, which puts all pods back, and ends every shed.
void plan_rebalance(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan);

}  // namespace sluice::op
