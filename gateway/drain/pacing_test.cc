#include "gateway/drain/pacing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/random.h"

namespace sluice::gateway {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

/// A drain as shards carry it out: every `tick` they take tokens and send each connection off after its own wait.
struct Run {
  std::vector<Duration> released;  ///< Since the start, one a connection.
  std::vector<Duration> departed;
};

Run simulate(std::size_t initial, double rate, Duration jitter, Duration tick, int shards, Random& random) {
  Run run;
  TokenPacer pacer;
  pacer.start(rate, kStart);
  const double spread_ms = static_cast<double>(drain_spread(initial, rate, jitter).count());
  for (Duration now{0}; run.released.size() < initial; now += tick) {
    for (int shard = 0; shard < shards; ++shard) {
      const std::size_t wanted = (initial - run.released.size() + 1) / 2;
      for (std::size_t i = pacer.take(wanted, kStart + now); i > 0; --i) {
        run.released.push_back(now);
        run.departed.push_back(now + Duration(static_cast<Duration::rep>(random.unit() * spread_ms)));
      }
    }
  }
  std::sort(run.departed.begin(), run.departed.end());
  return run;
}

/// The most events of `times` (ascending) in any window of length `window`.
std::size_t busiest(const std::vector<Duration>& times, Duration window) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= window) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

TEST_CASE("spread and length follow the design note") {
  struct Row {
    const char* name;
    std::size_t initial;
    double rate;
    Duration jitter, spread, length;
  };
  const Row rows[] = {
      {"few connections: the jitter decides", 800, 200, 30s, 26s, 30s},
      {"as long as the jitter", 6'000, 200, 30s, 1'500ms, 31'500ms},
      {"many connections: a twentieth more than the pacing", 100'000, 200, 30s, 25s, 525s},
      {"very many: never more than the jitter", 1'000'000, 200, 30s, 30s, 5'250s},
      {"no jitter", 800, 200, 0s, 0s, 4'200ms},
      {"nobody is here", 0, 200, 30s, 30s, 30s},
      {"a rate of nothing holds back", 800, 0, 30s, 30s, Duration::max()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(drain_spread(row.initial, row.rate, row.jitter) == row.spread);
    CHECK(drain_length(row.initial, row.rate, row.jitter) == row.length);
  }
}

TEST_CASE("no window sees more releases than rate * w + burst, and the drain ends when it said") {
  Random random(20261123);
  for (int round = 0; round < 200; ++round) {
    const std::size_t initial = 1 + random.below(3000);
    const double rate = std::pow(10.0, random.unit() * 4 - 0.5);  // 0.3 to 3000 a second.
    const Duration jitter(random.below(60'000));
    const Duration tick(1 + random.below(50));
    const int shards = 1 + static_cast<int>(random.below(8));
    CAPTURE(initial);
    CAPTURE(rate);
    CAPTURE(jitter.count());
    CAPTURE(tick.count());
    CAPTURE(shards);
    const Run run = simulate(initial, rate, jitter, tick, shards, random);
    for (const Duration window : {1ms, 10ms, 100ms, 1000ms, 10'000ms}) {
      const double allowed = rate * static_cast<double>(window.count()) / 1000.0 + TokenPacer::burst(rate);
      CHECK(static_cast<double>(busiest(run.released, window)) <= allowed + 1e-6);
      // Departures are spread by chance: they keep to the same rate up to what chance does, five standard deviations.
      CHECK(static_cast<double>(busiest(run.departed, window)) <= allowed + 5 * std::sqrt(allowed) + 5);
    }
    // A tick late at most, and the last token of a slow rate comes with the one that was there at the start.
    CHECK(run.departed.back() <= drain_length(initial, rate, jitter) + tick);
  }
}

TEST_CASE("what is not taken is not saved up beyond the burst") {
  TokenPacer pacer;
  pacer.start(100, kStart);
  CHECK(pacer.take(1000, kStart) == 1);
  CHECK(pacer.take(1000, kStart + 1h) == 11);
  CHECK(pacer.take(1000, kStart + 1h) == 0);
  CHECK(pacer.take(0, kStart + 2h) == 0);
}

TEST_CASE("a new rate takes effect from now on") {
  TokenPacer pacer;
  pacer.start(1000, kStart);
  CHECK(pacer.take(1000, kStart + 50ms) == 51);
  pacer.set_rate(10, kStart + 60ms);
  CHECK(pacer.take(1000, kStart + 60ms) == 2);  // Ten came at the old rate, the new burst keeps two.
  CHECK(pacer.take(1000, kStart + 160ms) == 1);
  pacer.set_rate(0, kStart + 160ms);
  CHECK(pacer.take(1000, kStart + 10h) <= 1);
  CHECK(pacer.take(1000, kStart + 20h) == 0);
}

TEST_CASE("SIGTERM's drain fits into its grace period") {
  for (const Duration grace : {30'000ms, 60'000ms, 600'000ms}) {
    for (const std::size_t connections : {0, 1, 50, 10'000, 1'000'000}) {
      for (const Duration jitter : {0ms, 30'000ms, 900'000ms}) {
        CAPTURE(grace.count());
        CAPTURE(connections);
        CAPTURE(jitter.count());
        const TerminationPlan plan = plan_termination(connections, grace, jitter);
        CHECK(plan.deadline == grace * 8 / 10);
        CHECK(drain_length(connections, plan.rate, plan.hint_jitter) <= plan.deadline);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::gateway
