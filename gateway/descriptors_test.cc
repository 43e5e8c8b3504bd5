#include "gateway/descriptors.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

TEST_CASE("limits.connections fits into the descriptors, small limits included") {
  struct Row {
    const char* name;
    std::uint64_t descriptors;
    int shards;
    std::uint32_t configured, connections;
  };
  const Row rows[] = {{"plenty", 1'048'576, 1, 100'000, 100'000},
                      {"no limit at all", UINT64_MAX, 256, 4'000'000, 4'000'000},
                      {"just enough", 100'900, 1, 100'000, 100'000},
                      {"one too few", 100'899, 1, 100'000, 99'999},
                      {"each shard takes its share", 20'000, 8, 20'000, 18'176},
                      {"a small limit", 1024, 1, 100'000, 124},
                      {"a small limit that suffices", 1024, 1, 100, 100},
                      {"too few for anyone", 900, 1, 100, 0},
                      {"none", 0, 1, 100, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(connections_within(row.descriptors, row.shards, row.configured) == row.connections);
  }
}

}  // namespace
}  // namespace sluice::gateway
