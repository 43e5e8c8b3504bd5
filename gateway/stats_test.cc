#include "gateway/stats.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

TEST_CASE("a drain that a shard has not heard of yet has none of the earlier one's hints") {
  ShardStats stats;
  stats.begin_release(1);
  stats.hinted.add(10);
  stats.released.add(12);
  CHECK(stats.release_counts(1).hinted == 10);
  CHECK(stats.release_counts(1).released == 12);
  CHECK(stats.release_counts(2).hinted == 0);
  CHECK(stats.release_counts(2).released == 0);
  stats.begin_release(2);
  stats.hinted.add(1);
  CHECK(stats.release_counts(2).hinted == 1);
  CHECK(stats.release_counts(2).released == 0);
}

}  // namespace
}  // namespace sluice::gateway
