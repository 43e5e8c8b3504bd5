#include "operator/rollout.h"

#include <doctest/doctest.h>

namespace sluice::op {
namespace {

GatewaySpec ten_pods() {
  GatewaySpec spec;
  spec.replicas = 10;
  return spec;
}

GatewaySpec with(GatewaySpec spec, void (*change)(GatewaySpec&)) {
  change(spec);
  return spec;
}

}  // namespace

TEST_CASE("rollout_target says how many pods of which revision there should be") {
  const auto paused = [](GatewaySpec& spec) { spec.paused = true; };
  const auto on_delete = [](GatewaySpec& spec) { spec.rollout.type = RolloutType::kOnDelete; };
  const auto partition = [](GatewaySpec& spec) { spec.rollout.partition = IntOrPercent::pods(4); };
  const auto part_of_all = [](GatewaySpec& spec) { spec.rollout.partition = IntOrPercent::percent(45); };
  const auto in_place = [](GatewaySpec& spec) {
    spec.rollout.surge = IntOrPercent::pods(0);
    spec.rollout.unavailable = IntOrPercent::pods(2);
  };
  struct Row {
    const char* name;
    GatewaySpec spec;
    RevisionCounts live;
    int canary_percent;
    bool former_known;
    RolloutTarget target;
  };
  const Row rows[] = {
      {"a fresh gateway has only one revision", ten_pods(), {0, 0}, 5, false, {10, 0, 13, 10}},
      {"a quarter more while it rolls", ten_pods(), {0, 10}, 100, true, {10, 0, 13, 10}},
      {"no more than asked for once it is through", ten_pods(), {10, 0}, 100, true, {10, 0, 10, 10}},
      {"the partition stays on the former template", with(ten_pods(), partition), {0, 10}, 100, true, {6, 4, 13, 10}},
      {"a percentage of the pods, rounded up", with(ten_pods(), part_of_all), {0, 10}, 100, true, {5, 5, 13, 10}},
      {"at the partition nothing rolls", with(ten_pods(), partition), {6, 4}, 100, true, {6, 4, 10, 10}},
      {"a partition that grows takes nothing back", with(ten_pods(), partition), {8, 2}, 100, true, {8, 2, 10, 10}},
      {"a canary step is part of the replicas, one pod at least", ten_pods(), {0, 10}, 5, true, {1, 9, 13, 10}},
      {"a step that is reached holds", ten_pods(), {1, 9}, 5, true, {1, 9, 10, 10}},
      {"the smaller of step and partition", with(ten_pods(), partition), {0, 10}, 80, true, {6, 4, 13, 10}},
      {"a pause leaves both as they are", with(ten_pods(), paused), {3, 7}, 100, true, {3, 7, 10, 10}},
      {"what is missing in a pause is made as it was", with(ten_pods(), paused), {3, 5}, 100, true, {3, 7, 10, 10}},
      {"a pause before the first pod stops nothing", with(ten_pods(), paused), {0, 0}, 100, false, {10, 0, 13, 10}},
      {"on delete: only what is missing is new", with(ten_pods(), on_delete), {0, 8}, 100, true, {2, 8, 13, 10}},
      {"in place: two may be missing, none is added", with(ten_pods(), in_place), {0, 10}, 100, true, {10, 0, 10, 8}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const RolloutTarget target = rollout_target(row.spec, row.live, row.canary_percent, row.former_known);
    CHECK(target.updated == row.target.updated);
    CHECK(target.former == row.target.former);
    CHECK(target.live_max == row.target.live_max);
    CHECK(target.available_min == row.target.available_min);
  }
}

TEST_CASE("a rollout of a single pod adds one, whatever the percentages come to") {
  GatewaySpec spec;
  spec.rollout.surge = IntOrPercent::percent(0);
  spec.rollout.unavailable = IntOrPercent::percent(25);
  const RolloutTarget target = rollout_target(spec, {.updated = 0, .former = 1}, 100, true);
  CHECK(target.live_max == 2);
  CHECK(target.available_min == 1);
}

}  // namespace sluice::op
