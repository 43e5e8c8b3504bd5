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
CanaryBaseline take_baseline(const std::vector<PodView>& pods, const CanaryProgress& progress);

/// Sums over the pods that serve: those of `progress`' revision since they began, the others since the baseline.
/// Without a baseline for this step the others have no samples. A gateway whose counts have fallen has begun anew.
CanarySamples sum_samples(const std::vector<PodView>& pods, const CanaryProgress& progress,
                          const CanaryBaseline& baseline);

}  // namespace sluice::op
