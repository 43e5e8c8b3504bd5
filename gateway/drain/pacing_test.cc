#include "gateway/drain/pacing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/random.h"

namespace sluice::gateway {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

/// An order of the operator, or the drain's beginning: from then on the rate and the jitter are these.
struct Order {
  Duration at{};
  double rate = 0;
  Duration jitter{};
};

/// A drain as shards carry it out: every `tick` they take tokens and send each connection off after its own wait.
struct Run {
  std::vector<Duration> released;  ///< Since the start, one a connection.
  std::vector<Duration> departed;
};

/// `orders`: the first at 0, the others later and later.
Run simulate(std::size_t initial, const std::vector<Order>& orders, Duration tick, int shards, Random& random) {
  Run run;
  DrainPace pace;
  pace.start(initial, orders[0].rate, orders[0].jitter, kStart);
  std::size_t next = 1;
  for (Duration now{0}; run.released.size() < initial; now += tick) {
    for (; next < orders.size() && orders[next].at <= now; ++next) {
      pace.change(orders[next].rate, orders[next].jitter, kStart + now);
    }
    for (int shard = 0; shard < shards; ++shard) {
      const std::size_t wanted = (initial - run.released.size() + 1) / 2;
      const double spread_ms = static_cast<double>(pace.spread().count());
      for (std::size_t i = pace.take(wanted, kStart + now); i > 0; --i) {
        run.released.push_back(now);
        run.departed.push_back(now + Duration(static_cast<Duration::rep>(random.unit() * spread_ms)));
      }
    }
  }
  std::sort(run.departed.begin(), run.departed.end());
  return run;
}

/// The fastest rate in force at any time of [from, to].
double fastest(const std::vector<Order>& orders, Duration from, Duration to) {
  double rate = 0;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const bool over = i + 1 < orders.size() && orders[i + 1].at < from;
    if (!over && orders[i].at <= to) rate = std::max(rate, orders[i].rate);
  }
  return rate;
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
    CHECK(drain_spread(static_cast<double>(row.initial) / row.rate, row.jitter) == row.spread);
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
    const Run run = simulate(initial, {{0ms, rate, jitter}}, tick, shards, random);
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
  CHECK(pacer.take(1000, kStart + 10h) == 0);
}

TEST_CASE("a rate of 0 releases nobody, not even the first") {
  TokenPacer pacer;
  pacer.start(0, kStart);
  CHECK(pacer.take(1000, kStart + 1h) == 0);
  pacer.set_rate(10, kStart + 1h);
  CHECK(pacer.take(1000, kStart + 1h) == 0);
  CHECK(pacer.take(1000, kStart + 1h + 100ms) == 1);
}

TEST_CASE("after a change the spread is what the rest of the drain asks for, unless departures would run too fast") {
  struct Row {
    const char* name;
    std::size_t initial;
    double rate;
    Duration jitter, at;
    double new_rate;
    Duration new_jitter, spread;
  };
  const Row rows[] = {
      {"the same order again", 800, 200, 30s, 2s, 200, 30s, 26s},
      {"faster: it still ends with the jitter", 801, 200, 30s, 2s, 400, 30s, 27s},
      {"slower than the jitter, and few are on their way", 801, 200, 30s, 1s, 20, 30s, 1550ms},
      {"a slow beginning", 6011, 1, 30s, 10s, 300, 30s, 1500ms},
      {"faster, but as many are on their way: it stays", 30'001, 100, 30s, 150s, 200, 30s, 15s},
      {"a little slower", 30'001, 100, 30s, 150s, 75, 30s, 17'500ms},
      {"a longer jitter", 800, 200, 30s, 2s, 200, 60s, 56s},
      {"a shorter one, that would bring two crowds together", 800, 200, 10s, 3s, 200, 0s, 6s},
      {"held back: the jitter", 800, 200, 30s, 2s, 0, 30s, 30s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DrainPace pace;
    pace.start(row.initial, row.rate, row.jitter, kStart);
    for (Duration now{0}; now <= row.at; now += 20ms) pace.take(10'000, kStart + now);
    pace.change(row.new_rate, row.new_jitter, kStart + row.at);
    CHECK(pace.spread().count() == doctest::Approx(static_cast<double>(row.spread.count())).epsilon(0.01));
  }
}

TEST_CASE("whatever rates and jitters the operator orders, departures keep to the rate and the drain ends in time") {
  Random random(20261124);
  for (int round = 0; round < 100; ++round) {
    const std::size_t initial = 1 + random.below(20'000);  // Many: what chance does grows with the square root only.
    const Duration tick(1 + random.below(50));
    const int shards = 1 + static_cast<int>(random.below(8));
    std::vector<Order> orders = {{0ms, std::pow(10.0, 1 + random.unit() * 2.5), Duration(random.below(60'000))}};
    Duration jitter_max = orders[0].jitter;
    for (std::uint64_t more = random.below(4); more > 0; --more) {
      Order order = orders.back();
      order.at +=
          Duration(static_cast<Duration::rep>(random.unit() * 1000.0 * static_cast<double>(initial) / order.rate));
      // A share of the budget that came or went, or an order of another size altogether.
      order.rate *= std::pow(10.0, (random.unit() - 0.5) * (random.below(2) == 0 ? 0.2 : 3));
      if (random.below(2) == 0) order.jitter = Duration(random.below(2) * random.below(60'000));
      jitter_max = std::max(jitter_max, order.jitter);
      orders.push_back(order);
    }
    CAPTURE(round);
    CAPTURE(initial);
    const Run run = simulate(initial, orders, tick, shards, random);
    for (const Duration window : {10ms, 100ms, 1000ms, 10'000ms}) {
      for (std::size_t first = 0, last = 0; first < initial; ++first) {
        const Duration from = run.departed[first];
        while (last < initial && run.departed[last] < from + window) ++last;
        const double rate = fastest(orders, from - jitter_max, from + window);
        const double allowed =
            DrainPace::kOverlapMax * rate * static_cast<double>(window.count()) / 1000.0 + TokenPacer::burst(rate);
        // Once a window: a check costs more than all of this.
        if (static_cast<double>(last - first) <= allowed + 5 * std::sqrt(allowed) + 5) continue;
        CAPTURE(window.count());
        CHECK(static_cast<double>(last - first) <= allowed);
      }
    }
    // A spread that could not shrink makes the end later by a jitter at most.
    CHECK(run.departed.back() <= run.released.back() + jitter_max);
    if (orders.size() == 1) CHECK(run.departed.back() <= drain_length(initial, orders[0].rate, jitter_max) + tick);
  }
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
