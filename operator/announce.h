// The sentences that `kubectl describe rtgw` shows as events. Pure; apply.cc records them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/plan.h"

namespace sluice::op {

struct Announcement {
  bool warning = false;
  std::string reason;  ///< CamelCase, as SPEC.md lists them.
  std::string action;
  std::string note;
};

Announcement victim_selected(const StartDrain& start);
Announcement drain_started(const StartDrain& start, const GatewaySpec& spec);
Announcement drain_cancelled(const CancelDrain& cancel);
/// Nothing where the canary has no news.
std::optional<Announcement> canary_news(const CanaryDecision& decision, const GatewaySpec& spec);
Announcement capacity_guard(const std::string& objection);
Announcement drain_frozen(const RewriteDrain& rewrite);
Announcement drain_thawed(const RewriteDrain& rewrite);
/// NodeStatusChanged; nothing where a share of gray traffic only grows or holds. `before`: what was the matter so far.
std::optional<Announcement> health_news(const SetHealth& change, const std::optional<HealthRecord>& before);
Announcement rebalance_began(const std::set<std::string>& pods, const GatewaySpec& spec);
Announcement rebalance_ended();
/// DrainCompleted or DrainTimedOut; nothing where no drain ended with this deletion.
std::optional<Announcement> drain_ended(const DeletePod& removed, WallTime now);
/// BudgetExceeded: the deadline closes what the budget would still have spread out. Nothing where none was left.
std::optional<Announcement> budget_exceeded(const DeletePod& removed);

/// What is told of a pod once, as long as it lasts.
struct PodNews {
  std::string uid;
  Announcement announcement;
};
/// DrainTimedOut: drains that have passed their deadline and go on, since onTimeout is Wait.
std::vector<PodNews> late_drains(const GatewaySpec& spec, const Observed& seen, WallTime now);
/// BudgetExceeded: pods whose grace period leaves too little time for the budget.
std::vector<PodNews> hurried_pods(const GatewaySpec& spec, const Observed& seen, WallTime now);
/// SessionCostIgnored: pods whose annotation sluice.dev/session-cost is no number.
std::vector<PodNews> bad_session_costs(const Observed& seen);

}  // namespace sluice::op
