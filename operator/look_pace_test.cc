#include "operator/look_pace.h"

#include <doctest/doctest.h>

namespace sluice::op {

TEST_CASE("looks that cost much are followed by a pause, and no others are") {
  LookPace pace;
  const SteadyTime now(1h);
  const auto look = [&](SteadyTime::duration cpu) {
    pace.took("a", cpu, now);
    return pace.wait("a", now);
  };
  CHECK(pace.wait("a", now) == 0ms);
  CHECK(look(1ms) == 0ms);
  CHECK(look(4ms) == 0ms);  // Once is nothing.
  CHECK(look(4ms) == (kLookShare - 1) * 4ms);
  CHECK(pace.wait("a", now + 30ms) == (kLookShare - 1) * 4ms - 30ms);
  CHECK(pace.wait("a", now + 1min) == 0ms);
  CHECK(pace.wait("b", now) == 0ms);
  CHECK(look(10s) == (kLookShare - 1) * 4ms);
  CHECK(look(10s) == kLookPauseMax);
  CHECK(look(1ms) == 0ms);
  (void)look(4ms);
  CHECK(look(4ms) > 0ms);
  pace.forget("a");
  CHECK(pace.wait("a", now) == 0ms);
  // The look that finds a gateway gone ends after it was forgotten, and leaves nothing behind.
  (void)look(1ms);
  CHECK(pace.size() == 0);
}

}  // namespace sluice::op
