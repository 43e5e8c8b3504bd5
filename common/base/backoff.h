// Exponential backoff with jitter, as a value: the caller keeps the attempt count and does the waiting.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace sluice {

struct Backoff {
  Duration first{800};    ///< The delay after the first failure.
  Duration most{30'000};  ///< No delay is longer, jitter aside.
  double factor = 2.0;    ///< How much longer each delay is than the one before it.
  double jitter = 1.0;    ///< A delay d becomes uniform in [d, d * (1 + jitter)), so that clients do not retry in step.

  /// The delay before retry number `attempt` (0 is the first retry).
  [[nodiscard]] Duration delay(int attempt, Random& random) const {
    const double base = std::min(static_cast<double>(first.count()) * std::pow(factor, std::max(attempt, 0)),
                                 static_cast<double>(most.count()));
    return Duration(static_cast<Duration::rep>(base * (1.0 + jitter * random.unit())));
  }
};

}  // namespace sluice
