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
  const auto more_than_all = [](GatewaySpec& spec) { spec.rollout.partition = IntOrPercent::pods(40); };
  const auto in_place = [](GatewaySpec& spec) {
    spec.rollout.surge = IntOrPercent::pods(0);
    spec.rollout.unavailable = IntOrPercent::pods(2);
  };
  const auto step = [](RevisionCounts live, int percent, bool held = false) {
    return RolloutInput{.live = live, .former_known = true, .held = held, .canary_percent = percent};
  };
  const auto rolling = [&](RevisionCounts live) { return step(live, 100); };
  const auto held = [&](RevisionCounts live) { return step(live, 100, true); };
  const auto back = [](RevisionCounts live, bool is_held = false) {
    return RolloutInput{.live = live, .going_back = true, .held = is_held, .canary_percent = 5};
  };
  const auto compared = [](RevisionCounts live, int percent) {
    return RolloutInput{.live = live, .former_known = true, .comparing = true, .canary_percent = percent};
  };
  const GatewaySpec ten = ten_pods();
  const GatewaySpec nobody = with(ten, [](GatewaySpec& spec) { spec.replicas = 0; });
  struct Row {
    const char* name;
    GatewaySpec spec;
    RolloutInput input;
    RolloutTarget target;  ///< updated, former, former kept, live at most, available at least
  };
  const Row rows[] = {
      {"a fresh gateway has only one revision", ten, {.canary_percent = 5}, {10, 0, 0, 13, 10}},
      {"a quarter more while it rolls", ten, rolling({0, 10}), {10, 0, 0, 13, 10}},
      {"no more than asked for once it is through", ten, rolling({10, 0}), {10, 0, 0, 10, 10}},
      {"the partition stays on the former template", with(ten, partition), rolling({0, 10}), {6, 4, 4, 13, 10}},
      {"a percentage of the pods, rounded up", with(ten, part_of_all), rolling({0, 10}), {5, 5, 5, 13, 10}},
      {"a partition of more than all", with(ten, more_than_all), rolling({0, 10}), {0, 10, 10, 10, 10}},
      {"at the partition nothing rolls", with(ten, partition), rolling({6, 4}), {6, 4, 4, 10, 10}},
      {"a partition that grows takes nothing back", with(ten, partition), rolling({8, 2}), {8, 2, 4, 10, 10}},
      {"nor does it add to what is too much", with(ten, partition), rolling({8, 5}), {8, 2, 4, 10, 10}},
      {"a canary step is part of the replicas, one pod at least", ten, step({0, 10}, 5), {1, 9, 9, 13, 10}},
      {"a step that is reached holds", ten, step({1, 9}, 5), {1, 9, 9, 10, 10}},
      {"the smaller of step and partition", with(ten, partition), step({0, 10}, 80), {6, 4, 4, 13, 10}},
      {"after a scale-down a step is part of fewer, and what is beyond it goes",
       ten,
       step({10, 10}, 50),
       {10, 0, 5, 10, 10}},
      {"a gate needs a pod to compare with, though the step is the whole fleet",
       ten,
       compared({10, 1}, 100),
       {10, 0, 1, 13, 10}},
      {"in place too", with(ten, in_place), compared({9, 1}, 100), {10, 0, 1, 11, 8}},
      {"where there is one", ten, compared({10, 0}, 100), {10, 0, 0, 10, 10}},
      {"a fleet of nobody has nothing to compare", nobody, compared({0, 1}, 35), {0, 0, 0, 1, 0}},
      {"back to what the fleet was on: no step, no partition", with(ten, partition), back({8, 2}), {10, 0, 0, 13, 10}},
      {"but a pause holds that too", ten, back({8, 2}, true), {8, 2, 2, 10, 10}},
      {"a pause leaves both as they are", with(ten, paused), held({3, 7}), {3, 7, 7, 10, 10}},
      {"a pause with more than asked for lets the old ones go", with(ten, paused), held({3, 10}), {3, 7, 7, 10, 10}},
      {"a pause in a step keeps to the step", with(ten, paused), step({4, 10}, 20, true), {4, 6, 8, 10, 10}},
      {"what is missing in a pause is made as it was", with(ten, paused), held({3, 5}), {3, 7, 7, 10, 10}},
      {"a pause before the first pod stops nothing", with(ten, paused), {.held = true}, {10, 0, 0, 10, 10}},
      {"on delete: only what is missing is new", with(ten, on_delete), rolling({0, 8}), {2, 8, 0, 10, 10}},
      {"on delete: steps do not count", with(ten, on_delete), step({0, 8}, 5), {2, 8, 0, 10, 10}},
      {"on delete: a scale-down is no rollout", with(ten, on_delete), rolling({4, 8}), {4, 6, 0, 10, 10}},
      {"in place: two may be missing, none is added", with(ten, in_place), rolling({0, 10}), {10, 0, 0, 10, 8}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const RolloutTarget target = rollout_target(row.spec, row.input);
    CHECK(target.updated == row.target.updated);
    CHECK(target.former == row.target.former);
    CHECK(target.former_kept == row.target.former_kept);
    CHECK(target.live_max == row.target.live_max);
    CHECK(target.available_min == row.target.available_min);
  }
}

TEST_CASE("a rollout of a single pod adds one, whatever the percentages come to") {
  GatewaySpec spec;
  spec.rollout.surge = IntOrPercent::percent(0);
  spec.rollout.unavailable = IntOrPercent::percent(25);
  const RolloutTarget target = rollout_target(spec, {.live = {.updated = 0, .former = 1}, .former_known = true});
  CHECK(target.live_max == 2);
  CHECK(target.available_min == 1);
}

TEST_CASE("a rollout is complete once nothing is left of the former revision, and nothing is to be kept of it") {
  const auto complete = [](RolloutInput input) {
    return rollout_complete(ten_pods(), input.live, rollout_target(ten_pods(), input));
  };
  CHECK(complete({.live = {10, 0}, .former_known = true}));
  CHECK_FALSE(complete({.live = {10, 1}, .former_known = true}));
  CHECK_FALSE(complete({.live = {9, 0}, .former_known = true}));
  CHECK_FALSE(complete({.live = {10, 0}, .former_known = true, .canary_percent = 50}));
  CHECK(complete({.live = {10, 0}, .former_known = true, .held = true}));
  CHECK_FALSE(complete({.live = {0, 0}, .former_known = true, .held = true}));
}

}  // namespace sluice::op
