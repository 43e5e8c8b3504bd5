#include "operator/simulation/simulation.h"

#include <doctest/doctest.h>

namespace sluice::op::simulation {

TEST_CASE("whatever happens, the invariants hold and the fleet becomes what is asked for") {
  Outcome all;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = simulate(seed, 2'000);
    CHECK(outcome.violation == "");
    all.add(outcome);
  }
  // A simulation in which nothing happens would prove nothing.
  CHECK(all.crashes > 50);
  CHECK(all.writes > 1'000);
  CHECK(all.disturbances > 100);
  for (const char* what :
       {"kicked", "gray", "back", "steps passed", "steps failed", "drains NodeDrain", "evicted", "frozen", "sheds"}) {
    CAPTURE(what);
    CHECK(all.met[what] > 0);
  }
}

TEST_CASE("a seed repeats itself") {
  const Outcome first = simulate(7, 1'500);
  const Outcome second = simulate(7, 1'500);
  CHECK(first.writes == second.writes);
  CHECK(first.virtual_seconds == second.virtual_seconds);
  CHECK(first.met == second.met);
}

}  // namespace sluice::op::simulation
