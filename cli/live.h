// What gateways count now: their /metrics, read through the API server's proxy to pods.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/fleet.h"
#include "common/base/clock.h"
#include "common/kube/client.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// Pods asked at once.
inline constexpr std::size_t kAskedAtOnceMax = 16;
inline constexpr Duration kAskTimeout{5'000};

struct LiveAnswer {
  LiveFigures figures;
  std::size_t asked = 0;
  std::string failure;  ///< The first one, for a note; empty where all answered.
};

/// Asks each pod that can be asked (fleet.h). Blocks until all have answered or failed, at most
/// kAskTimeout x pods / kAskedAtOnceMax.
LiveAnswer ask_pods(kube::Client& client, const Clock& clock, const std::vector<kube::Object>& pods);

/// Whom to ask in this look of a watch: pods that drain, and `others_max` of the others in turn from `cursor` on, which
/// moves along. Pure.
std::vector<kube::Object> whom_to_ask(const std::vector<kube::Object>& pods, std::size_t others_max,
                                      std::size_t& cursor);

}  // namespace sluice::cli
