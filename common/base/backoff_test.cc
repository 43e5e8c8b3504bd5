#include "common/base/backoff.h"

#include <doctest/doctest.h>

namespace sluice {

TEST_CASE("a backoff doubles up to its most") {
  Random random(1);
  const Backoff backoff{.first = Duration(800), .most = Duration(30'000), .factor = 2.0, .jitter = 0.0};
  CHECK(backoff.delay(0, random) == 800ms);
  CHECK(backoff.delay(1, random) == 1600ms);
  CHECK(backoff.delay(5, random) == 25'600ms);
  CHECK(backoff.delay(6, random) == 30s);
  CHECK(backoff.delay(10'000, random) == 30s);
  CHECK(backoff.delay(-1, random) == 800ms);
}

TEST_CASE("jitter only lengthens a delay, and by no more than its share") {
  Random random(2);
  const Backoff backoff{.first = Duration(1000), .most = Duration(1000), .factor = 2.0, .jitter = 0.5};
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = backoff.delay(i, random);
    CHECK(delay >= 1000ms);
    CHECK(delay < 1500ms);
    differs = differs || delay > 1100ms;
  }
  CHECK(differs);
}

}  // namespace sluice
