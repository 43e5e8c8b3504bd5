#include "gateway/admin/costs.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

TEST_CASE("memory a connection is what lies above the idle process, where there are enough of them") {
  struct Row {
    const char* name;
    std::uint64_t bytes, idle;
    std::int64_t connections;
    std::uint64_t each;
  };
  const Row rows[] = {{"too few to tell", 9'000'000, 1'000'000, 99, 0},
                      {"just enough", 1'500'000, 1'000'000, 100, 5'000},
                      {"many", 61'000'000, 1'000'000, 10'000, 6'000},
                      {"less than when it was idle", 900'000, 1'000'000, 500, 0},
                      {"nothing can be read", 0, 0, 500, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(bytes_per_connection(row.bytes, row.idle, row.connections) == row.each);
  }
}

TEST_CASE("a session costs a handshake and a tenth of one for each topic, within bounds") {
  struct Row {
    const char* name;
    std::int64_t connections, pieces;
    double cost;
  };
  const Row rows[] = {{"nobody", 0, 0, 1},
                      {"counters that are not of one moment", 0, 5, 1},
                      {"bare connections", 1000, 0, 1},
                      {"a topic each", 1000, 1000, 1.1},
                      {"twenty topics each", 50, 1000, 3},
                      {"a few with many", 1000, 500, 1.05},
                      {"more than can be", 1, 100'000, kSessionCostMax},
                      {"fewer than none", 10, -5, 1}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(session_cost(row.connections, row.pieces) == doctest::Approx(row.cost));
  }
}

}  // namespace
}  // namespace sluice::gateway
