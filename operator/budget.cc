#include "operator/budget.h"

#include <algorithm>
#include <cmath>

#include "operator/plan.h"

namespace sluice::op {
namespace {

/// Rates this close to what is fair stay as they are: a new figure at each poll would help nobody.
constexpr double kTolerance = 0.05;

bool close_enough(const std::vector<double>& fair, const std::vector<BudgetShare>& shares) {
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (fair[i] < shares[i].rate * (1 - kTolerance) || fair[i] > shares[i].rate * (1 + kTolerance)) return false;
  }
  return true;
}

}  // namespace

double budget_of(const GatewaySpec& spec, int receivers, double throttle) {
  return std::min(spec.budget.max, spec.budget.per_receiver * std::max(1, receivers)) *
         std::clamp(throttle, kThrottleLeast, 1.0);
}

double receivers_handshake_p99(const Observed& seen) {
  double worst = 0;
  for (const PodView& pod : seen.pods) {
    if (is_receiver(pod) && pod.state) worst = std::max(worst, pod.state->handshake_p99_seconds);
  }
  return worst;
}

double throttle_aim(Duration p99_max, double p99_seconds) {
  const double most = std::chrono::duration<double>(p99_max).count();
  if (p99_seconds <= most) return 1;
  return std::max(kThrottleLeast, most / p99_seconds);
}

double next_throttle(double before, double aim) {
  const double halfway = (before + (aim - before) / 2) * 100;
  // A hair's breadth more than a whole percent is that percent.
  const double percent = aim > before ? std::ceil(halfway - 1e-6) : std::floor(halfway + 1e-6);
  return std::clamp(percent / 100, kThrottleLeast, 1.0);
}

std::vector<double> fair_rates(double budget, const std::vector<BudgetShare>& shares) {
  std::vector<double> fair(shares.size(), 0.0);
  double available = budget;
  double needed = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (!shares[i].reachable) available -= fair[i] = shares[i].rate;
    if (shares[i].reachable) needed += shares[i].needed;
  }
  available = std::max(0.0, available);
  // Who needs more than its part is given that and taken out, until the others' parts hold for all of them.
  std::vector<bool> settled(shares.size());
  for (std::size_t i = 0; i < shares.size(); ++i) settled[i] = !shares[i].reachable;
  const double enough = needed > available ? available / needed : 1.0;
  for (bool again = true; again;) {
    again = false;
    double left = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) left += settled[i] ? 0.0 : std::max(shares[i].left, 1.0);
    const double to_share = available;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (settled[i]) continue;
      fair[i] = to_share * std::max(shares[i].left, 1.0) / left;
      if (shares[i].needed * enough <= fair[i]) continue;
      fair[i] = shares[i].needed * enough;
      available = std::max(0.0, available - fair[i]);
      settled[i] = again = true;
    }
  }
  return fair;
}

std::vector<double> split_budget(double budget, const std::vector<BudgetShare>& shares) {
  double in_effect = 0;
  for (const BudgetShare& share : shares) in_effect += share.rate;
  std::vector<double> fair = fair_rates(budget, shares);

  std::vector<double> rates;
  if (in_effect <= budget && close_enough(fair, shares)) {
    for (const BudgetShare& share : shares) rates.push_back(share.rate);
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
