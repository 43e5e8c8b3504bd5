// The reconnect budget: how many connections a second all drains of one gateway may release together, and each one's
// part of it. Pure.
#pragma once

#include <vector>

#include "operator/spec.h"

namespace sluice::op {

/// Connections a second in all: grows with the pods that take them over, up to the maximum.
double budget_of(const GatewaySpec& spec, int receivers);

/// One pod that releases connections, or wants to.
struct DrainShare {
  double left = 0;        ///< Connections it still has.
  double rate = 0;        ///< Connections/s that it may be releasing already.
  bool reachable = true;  ///< Its rate can be changed now.
};

/// The rate each pod should be told now, in the order of `shares`; at every moment, whichever of the calls arrive, the
/// rates in effect add up to no more than `budget`. To that end a pod is only given more once others are known to have
/// less: a first round lowers, a later one (the lowered states seen) raises. A pod out of reach keeps its rate, which
/// counts. 0 means: not yet.
std::vector<double> split_budget(double budget, const std::vector<DrainShare>& shares);

}  // namespace sluice::op
