#include "operator/budget.h"

#include <algorithm>

namespace sluice::op {
namespace {

/// Rates this close to what is fair stay as they are: a new figure at each poll would help nobody.
constexpr double kTolerance = 0.05;

/// What each reachable pod should have in the end: its part by what it has left.
std::vector<double> fair_rates(double budget, const std::vector<DrainShare>& shares) {
  double reserved = 0;
  double left_in_all = 0;
  for (const DrainShare& share : shares) {
    if (share.reachable) {
      left_in_all += std::max(share.left, 1.0);
    } else {
      reserved += share.rate;
    }
  }
  const double available = std::max(0.0, budget - reserved);
  std::vector<double> fair;
  fair.reserve(shares.size());
  for (const DrainShare& share : shares) {
    fair.push_back(share.reachable ? available * std::max(share.left, 1.0) / left_in_all : share.rate);
  }
  return fair;
}

bool close_enough(const std::vector<double>& fair, const std::vector<DrainShare>& shares) {
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (fair[i] < shares[i].rate * (1 - kTolerance) || fair[i] > shares[i].rate * (1 + kTolerance)) return false;
  }
  return true;
}

}  // namespace

double budget_of(const GatewaySpec& spec, int receivers) {
  return std::min(spec.budget.max, spec.budget.per_receiver * std::max(1, receivers));
}

std::vector<double> split_budget(double budget, const std::vector<DrainShare>& shares) {
  double in_effect = 0;
  for (const DrainShare& share : shares) in_effect += share.rate;
  std::vector<double> fair = fair_rates(budget, shares);

  std::vector<double> rates;
  if (in_effect <= budget && close_enough(fair, shares)) {
    for (const DrainShare& share : shares) rates.push_back(share.rate);
    return rates;
  }
  double more_wanted = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) more_wanted += std::max(0.0, fair[i] - shares[i].rate);
  // Only what nobody may be using can be handed out; what is lowered in this round is handed out in the next.
  const double headroom = std::max(0.0, budget - in_effect);
  const double part = more_wanted > 0 ? std::min(1.0, headroom / more_wanted) : 0.0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double rate = shares[i].rate;
    rates.push_back(fair[i] <= rate ? fair[i] : rate + (fair[i] - rate) * part);
  }
  return rates;
}

}  // namespace sluice::op
