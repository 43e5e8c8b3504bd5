// What has happened to a rollout between two statuses: its events, and what its metric counts. Pure. It goes by what is
// written to the status: told once that is done, a change is told once, whoever led when it was decided.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "common/kube/resource.h"
#include "operator/announce.h"
#include "operator/plan.h"

namespace sluice::op {

/// Values of the label `result` of sluice_operator_rollouts_total.
inline constexpr std::array kRolloutResults{"started", "completed", "halted", "promoted", "stalled"};

struct RolloutNews {
  std::vector<Announcement> events;
  std::vector<std::string> results;  ///< Of kRolloutResults.
};

/// `before` is null where there was no status.
RolloutNews rollout_news(const kube::Json& before, const kube::Json& after, const CanaryDecision& canary,
                         const GatewaySpec& spec);

}  // namespace sluice::op
