// What the probes of a pod have come to. Pure.
#pragma once

#include <optional>

#include "common/base/clock.h"

namespace sluice::op {

struct ProbeCount {
  int successes = 0;               ///< In a row, up to the last probe that ended.
  std::optional<SteadyTime> last;  ///< When the last one began.
};

}  // namespace sluice::op
