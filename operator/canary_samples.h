// What a canary step is judged by: the gateways' own counts, summed over the pods of either revision. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/gateway_state.h"
#include "operator/model.h"

namespace sluice::op {

/// What the stable pods had counted when a step's hold began: before it they may have met another day's traffic.
struct CanaryBaseline {
  std::string step;                             ///< "<revision>/<index>" that it was taken for; empty: none.
  std::map<std::string, GatewayTotals> totals;  ///< By UID.
};

std::string canary_step_id(const CanaryProgress& progress);

/// `before` with the stable pods that have answered since: where it is of another step it is made anew. A pod that was
/// made after the hold began is counted from its own begin, any other from the first answer that is known of it: after
/// a restart of the operator that one comes late.
CanaryBaseline take_baseline(const std::vector<PodView>& pods, const CanaryProgress& progress, CanaryBaseline before);

/// Sums over the pods that serve: those of `progress`' revision since they began, and those of `stable` (or where there
/// are none, of any other revision) since the baseline. Without a baseline for this step, or for a pod, there are no
/// samples of it. A gateway whose counts have fallen has begun anew.
CanarySamples sum_samples(const std::vector<PodView>& pods, const CanaryProgress& progress, const std::string& stable,
                          const CanaryBaseline& baseline);

}  // namespace sluice::op
