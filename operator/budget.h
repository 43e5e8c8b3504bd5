// The reconnect budget: how many connections a second all who release connections of one gateway may release together
// (drains of every reason, pods that terminate, rebalancing), and each one's part of it. Pure.
#pragma once

#include <vector>

#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

/// Connections a second in all: grows with the pods that take them over, up to the maximum; of that the part that
/// `throttle` leaves.
double budget_of(const GatewaySpec& spec, int receivers, double throttle = 1);

/// The throttle never leaves less than this: a drain that stands still helps nobody.
inline constexpr double kThrottleLeast = 0.1;

/// The slowest of the receivers' handshakes, seconds (99th percentile, as each said last); 0 where there were none.
double receivers_handshake_p99(const Observed& seen);
/// The part of the budget that receivers which need `p99_seconds` for a handshake should get: min(1, most / p99), never
/// below kThrottleLeast.
double throttle_aim(Duration p99_max, double p99_seconds);
/// Halfway from `before` to `aim`, in whole percent; it arrives, since the last percent is taken whole. One step each
/// kThrottleEvery: what is released now is felt only then, and a throttle that followed at once would swing.
double next_throttle(double before, double aim);

/// One pod that releases connections, or wants to.
struct BudgetShare {
  double left = 0;        ///< Connections it still has to release.
  double rate = 0;        ///< Connections/s that it may be releasing already.
  bool reachable = true;  ///< Its rate can be changed now.
  double needed = 0;      ///< Connections/s below which its time is over first. It gets them before others get any.
};

/// What each one should have in the end: first what it needs, then its part by what it has left. A pod out of reach
/// keeps what it may have. In the order of `shares`; the sum is at most `budget`, unless that is used out of reach.
std::vector<double> fair_rates(double budget, const std::vector<BudgetShare>& shares);

/// The rate each pod should be told now, in the order of `shares`; at every moment, whichever of the calls arrive, the
/// rates in effect add up to no more than `budget`. To that end a pod is only given more once others are known to have
/// less: a first round lowers, a later one (the lowered states seen) raises. A pod out of reach keeps its rate, which
/// counts. 0 means: not yet.
std::vector<double> split_budget(double budget, const std::vector<BudgetShare>& shares);

}  // namespace sluice::op
