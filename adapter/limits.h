// The program's bounds, in one place, and what must hold between them. What belongs to one file alone (the entries of a
// cache, the length of a sentence) stands there.
#pragma once

#include <cstddef>

#include "adapter/auth/reviews.h"
#include "common/http/server.h"

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

// ---- Memory ---------------------------------------------------------------------------------------------------------

/// adapter.resources.limits.memory in charts/sluice/values.yaml.
inline constexpr std::size_t kMemoryLimitBytes = 256u << 20;

/// The program, its threads and caches: 18 MiB at rest, and 2.5 KiB for each pod of the cluster (with six labels), so
/// this is for five thousand. What stands below is the worst that others can do; without them there is room for ten
/// times as many.
inline constexpr std::size_t kBaseBytes = 32u << 20;

/// A few kube-apiservers, each of which keeps up to 25 of them, and the probes. A connection above it takes the place
/// of another one (common/http/server.h), so whoever opens many gains nothing by it.
inline constexpr int kConnectionsMax = 256;
inline constexpr std::size_t kHeaderBytesMax = 64u << 10;  ///< The front proxy repeats every group of the user.
inline constexpr int kHeaderFieldsMax = 1000;              ///< A field for each group.
inline constexpr std::size_t kBodyBytesMax = 4u << 10;     ///< Only GET is served: nobody reads a body.
/// Measured: 77 KiB at rest, 140 more for a chain of 32 KiB, 140 more for a header that is full in bytes and in fields.
/// The factors are these, rounded up, the header's also for the request that is made of it.
inline constexpr std::size_t kConnectionBytes =
    (80u << 10) + 5 * http::kClientChainBytesMax + 3 * kHeaderBytesMax + kBodyBytesMax;

/// One pod is about 200 bytes of an answer, so that is five thousand pods at a time, where the rule makes one value for
/// each.
inline constexpr std::size_t kQueryBytesMax = 1u << 20;
inline constexpr std::size_t kQuerySeriesMax = 20'000;
/// How many times its bytes an answer takes until ours is rendered: 4 were measured, and there is the question besides,
/// which names as many objects.
inline constexpr std::size_t kQueryFactor = 5;

/// A series is 150 to 400 bytes of a list. It is only looked through; half as much again is for the text that grows.
inline constexpr std::size_t kListedBytesMax = 32u << 20;
inline constexpr std::size_t kListedSeriesMax = 200'000;

// All of it at once: every connection held by somebody who sends the most that he may, as many queries as may be with
// answers as long as they may be, in the middle of a relist. Not in it: answers of ours that somebody who may read
// metrics does not take off the wire (each a query's answer at most), and what the heap loses between its pieces.
static_assert(kBaseBytes + kConnectionsMax * kConnectionBytes + kMetricsAtOnceMax * kQueryBytesMax * kQueryFactor +
                  kListedBytesMax * 3 / 2 <=
              kMemoryLimitBytes);

}  // namespace sluice::adapter
