// Who releases connections under the reconnect budget, on which terms, and what will become of it. Pure; plan_drains.h
// orders by it, the status tells of it.
#pragma once

#include <optional>
#include <vector>

#include "operator/budget.h"
#include "operator/plan.h"

namespace sluice::op {

/// Connections/s; below this a rate is no rate: the pod waits for its share.
inline constexpr double kRateLeast = 0.001;
/// A recorded rate may be off by this part, since each record is a write to the API server.
inline constexpr double kRecordTolerance = 0.05;

/// Whether the rate of a pod that is not being deleted counts, though it be given no order: its drain was just taken
/// back (its gateway may not hear of it), its record cannot be read, propagation was made longer under way, or its
/// gateway drains though the pod does not.
bool may_release(const PodView& pod);

/// A pod that is being deleted and may hold connections: its container runs, its time is not over, and its gateway has
/// not said that nobody is left. One that its drain's deadline has closed holds none.
bool may_still_release(const PodView& pod, const GatewaySpec& spec, WallTime now);

/// Until when the connections of a draining or terminating pod must be gone, or are closed. The kubelet's clock beats a
/// drain's, and the only one where a drain has no deadline that closes (onTimeout Wait, frozen); a fifth of the grace
/// period is left to close handshakes, as the gateway itself does it.
WallTime release_deadline(const PodView& pod, const GatewaySpec& spec);

/// Its gateway cannot be told anything now.
bool out_of_reach(const PodView& pod);

/// One pod that lets its connections go and gets orders for it.
struct Releaser {
  const PodView* pod = nullptr;
  DrainTerms terms;
  double needed = 0;  ///< As budget.h's BudgetShare says; only of pods that terminate, whose clock nobody can stop.
};
Releaser releaser_of(const PodView& pod, const GatewaySpec& spec, WallTime now);
BudgetShare share_of(const Releaser& releaser);

/// budget_of(), but never less than what pods that terminate need: their connections go anyway, and it is better for
/// the receivers that they go in time than all at the end. One that cannot be told anything does not count.
double budget_now(const GatewaySpec& spec, const Observed& seen, WallTime now);

/// What is known of one drain, or of a pod that terminates.
struct Release {
  const PodView* pod = nullptr;
  DrainPhase phase = DrainPhase::kNone;
  WallTime deadline{};
  std::optional<std::int64_t> left;  ///< Connections; unset where nobody knows.
  double share = 0;                  ///< Connections/s once everybody has its part of the budget.
  /// When nobody is left at that rate, whatever the deadline does; unset where that cannot be said (nobody knows how
  /// many there are, it is frozen, it has no share).
  std::optional<WallTime> done_at;
};

/// Every drain that is not over and every pod that terminates and holds connections, the oldest first. What is just
/// propagating counts with the share that it will have.
std::vector<Release> releases_of(const GatewaySpec& spec, const Observed& seen, WallTime now);

/// Connections/s that all of them may be releasing now, and those that were just taken back.
double rate_in_effect(const Observed& seen, const GatewaySpec& spec, WallTime now);

}  // namespace sluice::op
