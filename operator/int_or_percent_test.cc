#include "operator/int_or_percent.h"

#include <doctest/doctest.h>

namespace sluice::op {

TEST_CASE("IntOrPercent counts pods as Kubernetes does") {
  struct Row {
    const char* name;
    IntOrPercent value;
    int replicas, up, down;
  };
  const Row rows[] = {
      {"a number is what it says", IntOrPercent::pods(3), 10, 3, 3},
      {"a percentage that comes out even", IntOrPercent::percent(25), 8, 2, 2},
      {"one that does not", IntOrPercent::percent(25), 7, 2, 1},
      {"of nothing", IntOrPercent::percent(25), 0, 0, 0},
      {"no overflow", IntOrPercent::percent(100), 2'000'000'000, 2'000'000'000, 2'000'000'000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(row.value.of(row.replicas, Round::kUp) == row.up);
    CHECK(row.value.of(row.replicas, Round::kDown) == row.down);
    CHECK(IntOrPercent::parse(row.value.json(), IntOrPercent::pods(99)) == row.value);
  }
  for (const char* wrong : {"\"\"", "\"5\"", "\"%\"", "\"5%%\"", "\"-5%\"", "2.5", "null"}) {
    CAPTURE(wrong);
    CHECK(IntOrPercent::parse(kube::Json::parse(wrong), IntOrPercent::pods(99)) == IntOrPercent::pods(99));
  }
}

}  // namespace sluice::op
