// The program's bounds, in one place, and what must hold between them. What belongs to one file alone (the entries of a
// cache, the length of a sentence) stands there.
#pragma once

#include "adapter/auth/reviews.h"

namespace sluice::adapter {

// ---- Who holds a worker ---------------------------------------------------------------------------------------------

/// A request that waits, for Prometheus or for the API server, holds a worker for so long. Some must always be left for
/// discovery and the probes: without an answer to these the APIService becomes unavailable.
inline constexpr int kWorkers = 32;
inline constexpr int kWorkersLeftMin = 4;
inline constexpr int kMetricsAtOnceMax = 12;
inline constexpr ReviewSlots kReviewSlots = {.tokens = 2, .anonymous = 2, .users = 4, .users_waiting = 8};
// A request waits for one thing at a time, so these add up.
static_assert(kMetricsAtOnceMax + kReviewSlots.tokens + kReviewSlots.anonymous + kReviewSlots.users +
                  kReviewSlots.users_waiting + kWorkersLeftMin <=
              kWorkers);

}  // namespace sluice::adapter
