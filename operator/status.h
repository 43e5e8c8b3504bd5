// What `kubectl get` and `kubectl describe` show: .status of a RealtimeGateway from what was observed. Pure;
// status_writer.h sends it.
#pragma once

#include <cstdint>
#include <string>

#include "common/kube/resource.h"
#include "operator/model.h"
#include "operator/plan.h"
#include "operator/problem.h"
#include "operator/spec.h"

namespace sluice::op {

/// The whole .status. `plan` is the one just carried out: what it could not do is part of the story. Conditions keep
/// the lastTransitionTime of `gateway`'s present status while they do not change.
kube::Json compute_status(const kube::Json& gateway, const GatewaySpec& spec, const Observed& seen, const Plan& plan,
                          const Problem& problem, WallTime now);

/// How two statuses differ, at most: the less it says, the less often it is written.
enum class StatusNews {
  kCounts,    ///< In connection counts, rates, times to go and the sentences that name them.
  kReplicas,  ///< In numbers of pods, too.
  kEvent,     ///< In something else: something has happened.
};
StatusNews status_news(const kube::Json& before, const kube::Json& after);

/// "812", "9.8k", "481k", "1.2M".
std::string short_count(std::int64_t count);
/// Three significant figures: a count that moves by one must not cause a write.
std::int64_t rounded_count(std::int64_t count);

}  // namespace sluice::op
