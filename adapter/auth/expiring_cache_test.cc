#include "adapter/auth/expiring_cache.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

TEST_CASE("an answer stays for its lifetime and no longer") {
  ManualClock clock;
  ExpiringCache<int> cache(clock, Duration(10'000), 100);
  CHECK_FALSE(cache.get("a"));
  cache.put("a", 1);
  clock.advance(Duration(9'999));
  CHECK(cache.get("a") == 1);
  cache.put("b", 2);
  clock.advance(Duration(1));
  CHECK_FALSE(cache.get("a"));
  CHECK(cache.get("b") == 2);
  cache.put("b", 3);
  clock.advance(Duration(9'999));
  CHECK(cache.get("b") == 3);
  CHECK(cache.size() == 1);
}

TEST_CASE("a full cache forgets the oldest") {
  ManualClock clock;
  ExpiringCache<int> cache(clock, Duration(10'000), 2);
  cache.put("a", 1);
  cache.put("b", 2);
  cache.put("a", 3);  // anew: now b is the oldest
  cache.put("c", 4);
  CHECK(cache.size() == 2);
  CHECK(cache.get("a") == 3);
  CHECK_FALSE(cache.get("b"));
  CHECK(cache.get("c") == 4);
}

}  // namespace
}  // namespace sluice::adapter
