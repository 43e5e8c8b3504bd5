#include "bench/loadgen/pace.h"

#include <doctest/doctest.h>

#include "bench/loadgen/wake_queue.h"

namespace sluice::loadgen {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST_CASE("a ramp goes up and down on a straight line") {
  Ramp ramp;
  CHECK(ramp.at(kStart) == 0);
  ramp.go(1'000, 10s, kStart);
  CHECK(ramp.at(kStart) == 0);
  CHECK(ramp.at(kStart + 5s) == 500);
  CHECK(ramp.at(kStart + 10s) == 1'000);
  CHECK(ramp.at(kStart + 60s) == 1'000);
  ramp.go(400, 6s, kStart + 60s);
  CHECK(ramp.at(kStart + 63s) == 700);
  // A new goal on the way starts from where the ramp is.
  ramp.go(800, 1s, kStart + 63s);
  CHECK(ramp.at(kStart + 63s) == 700);
  CHECK(ramp.at(kStart + 64s) == 800);
  ramp.go(3, 0ms, kStart + 64s);
  CHECK(ramp.at(kStart + 64s) == 3);
}

TEST_CASE("a gate keeps its rate, its bound and its order") {
  ConnectGate<int> gate(100, 15);
  for (int i = 0; i < 50; ++i) gate.add(i, false);
  gate.add(100, true);
  CHECK(gate.take(kStart) == 100);
  CHECK(!gate.take(kStart));
  CHECK(gate.take(kStart + 10ms) == 0);
  CHECK(!gate.take(kStart + 10ms));
  // Ten tokens at most are saved up, however long the pause was.
  int taken = 0;
  while (gate.take(kStart + 5s)) ++taken;
  CHECK(taken == 10);
  CHECK(gate.under_way() == 12);
  while (gate.take(kStart + 10s)) ++taken;
  CHECK(gate.under_way() == 15);
  gate.done();
  CHECK(gate.take(kStart + 11s).has_value());
  CHECK(gate.remove(49));
  CHECK(!gate.remove(49));
  // 51 were added, 16 taken, one removed.
  CHECK(gate.waiting() == 51 - 16 - 1);
}

TEST_CASE("the wake queue answers the soonest, once, at its newest time") {
  WakeQueue queue;
  queue.set(1, kStart + 3s);
  queue.set(2, kStart + 1s);
  queue.set(3, kStart + 2s);
  queue.set(1, kStart + 5s);
  queue.set(3, SteadyTime::max());
  CHECK(!queue.pop_due(kStart));
  CHECK(queue.pop_due(kStart + 4s) == 2U);
  CHECK(!queue.pop_due(kStart + 4s));
  CHECK(queue.pop_due(kStart + 5s) == 1U);
  CHECK(!queue.pop_due(kStart + 60s));
}

}  // namespace
}  // namespace sluice::loadgen
