#include "operator/canary_shift.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

void off(PodView& pod) {
  pod.traffic_label = "off";
}
void gray(PodView& pod) {
  pod.state_label = "gray";
}

}  // namespace

TEST_CASE("shift_to_canary sends arrivals to the new pods, and not too many") {
  const auto old = [](const char* name, std::int64_t connections) { return serving(name, connections) | old_revision; };
  GatewaySpec spec;
  spec.capacity.connections_per_pod = 1000;  // 900 by the guard
  GatewaySpec small = spec;
  small.capacity.connections_per_pod = 300;  // 270
  struct Row {
    const char* name;
    GatewaySpec spec;
    std::vector<PodView> live;
    std::int64_t missing;
    const char* off;
    bool objection;
  };
  const Row rows[] = {
      {"as many stay as there are new ones, the emptiest",
       spec,
       {serving("n", 5), old("a", 30), old("b", 10), old("c", 20)},
       50,
       "a c",
       false},
      {"who is off already stays off, though counts have changed",
       spec,
       {serving("n", 5), old("a", 10) | off, old("b", 20), old("c", 30) | off},
       50,
       "a c",
       false},
      {"two new ones: two stay",
       spec,
       {serving("m"), serving("n"), old("a", 3), old("b", 1), old("c", 2)},
       50,
       "a",
       false},
      {"with as few others there is nothing to shift", spec, {serving("n"), old("a", 3)}, 50, "", false},
      {"nothing is missing", spec, {serving("n"), old("a", 3), old("b", 3)}, 0, "", false},
      {"a new pod that is not ready ends it",
       spec,
       {serving("m"), serving("n") | unready, old("a", 3), old("b", 3), old("c", 3)},
       50,
       "",
       false},
      {"where all new pods are gone nobody leaves", spec, {old("a", 3), old("b", 3)}, 50, "", false},
      {"gray pods and those that are not ready are left alone",
       spec,
       {serving("n"), old("a", 9), old("b", 9) | gray, old("c", 9) | unready, old("d", 1)},
       50,
       "a",
       false},
      // The fullest has 600: with two receivers left a new pod could come to 5 + 50 + 300, with three to 255.
      {"more stay where the loss of one would be too much for the new pod",
       small,
       {serving("n", 5), old("a", 600), old("b", 10), old("c", 20), old("d", 30)},
       50,
       "a d",
       false},
      {"nobody leaves where the samples alone would be too much",
       small,
       {serving("n", 5), old("a", 30), old("b", 10), old("c", 20)},
       500,
       "",
       true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Pods live;
    for (const PodView& pod : row.live) live.push_back(&pod);
    const CanaryShift shift = shift_to_canary(live, row.spec, "new", row.missing);
    std::string names;
    for (const std::string& uid : shift.off) names += (names.empty() ? "" : " ") + uid.substr(4);  // uid-a
    CHECK(names == row.off);
    CHECK(shift.objection.empty() != row.objection);
  }
}

TEST_CASE("a step that lacks samples shifts traffic, and puts it back when a gate fails") {
  GatewaySpec spec = spec_of(4);
  spec.rollout.canary = {
      .steps = {{.percent = 25, .hold = 1min}},
      .gates = {{.metric = GateMetric::kHandshakeSuccess, .max_drop_percent = 1, .samples_min = 100}},
      .on_insufficient_samples = OnInsufficientSamples::kShift};
  Observed seen = fleet({serving("a", 9) | old_revision, serving("b", 5) | old_revision, serving("c", 7) | old_revision,
                         serving("n", 1)});
  seen.former_revision = seen.current_revision = "old";
  seen.canary = {.revision = "new", .step = 0, .phase = CanaryPhase::kHolding, .since = kNoon - 1min, .message = {}};
  seen.samples.canary.handshakes_ok = 10;
  seen.samples.stable.handshakes_ok = 1000;
  CHECK(words(plan_gateway(spec, seen, kNoon)) == "relabel a active off, relabel c active off");

  for (PodView& pod : seen.pods) {
    if (pod.name == "a" || pod.name == "c") pod.traffic_label = "off";
  }
  CHECK(words(plan_gateway(spec, seen, kNoon)) == "");
  SUBCASE("a gate fails") {
    seen.samples.canary = {.handshakes_ok = 50, .handshakes_failed = 50};
    const Plan plan = plan_gateway(spec, seen, kNoon);
    CHECK(words(plan) == "relabel a active, relabel c active");
    CHECK(plan.canary.news == CanaryNews::kFailed);
  }
  SUBCASE("the canary's pod is lost") {
    seen.pods.back().ready = false;
    CHECK(words(plan_gateway(spec, seen, kNoon)) == "relabel a active, relabel c active");
  }
  SUBCASE("it has its samples") {
    seen.samples.canary.handshakes_ok = 100;
    const Plan plan = plan_gateway(spec, seen, kNoon);
    CHECK(plan.canary.news == CanaryNews::kPassed);
    CHECK(plan.relabel.size() == 2);
  }
}

}  // namespace sluice::op
