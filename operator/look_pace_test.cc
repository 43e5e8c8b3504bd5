#include "operator/look_pace.h"

#include <doctest/doctest.h>

namespace sluice::op {

TEST_CASE("a look that costs much is followed by a pause, and no other is") {
  LookPace pace;
  const SteadyTime now(1h);
  CHECK(pace.wait("a", now) == 0ms);
  pace.took("a", 1ms, now);
  CHECK(pace.wait("a", now) == 0ms);
  pace.took("a", 4ms, now);
  CHECK(pace.wait("a", now) == 36ms);
  CHECK(pace.wait("a", now + 30ms) == 6ms);
  CHECK(pace.wait("a", now + 40ms) == 0ms);
  CHECK(pace.wait("b", now) == 0ms);
  pace.took("a", 10s, now);
  CHECK(pace.wait("a", now) == kLookPauseMax);
  pace.took("a", 1ms, now + 10s);
  CHECK(pace.wait("a", now) == 0ms);
  pace.took("a", 4ms, now);
  pace.forget("a");
  CHECK(pace.wait("a", now) == 0ms);
}

}  // namespace sluice::op
