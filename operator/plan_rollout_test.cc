// The plan of a rollout: who is made, who goes and who is taken back, step by step.
#include <doctest/doctest.h>

#include "operator/plan.h"
#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(plan_gateway(row.spec, row.seen, kNoon)) == row.plan);
  }
}

GatewaySpec rolling(int replicas, int surge, int unavailable = 0, int partition = 0) {
  GatewaySpec spec = spec_of(replicas);
  spec.rollout.surge = IntOrPercent::pods(surge);
  spec.rollout.unavailable = IntOrPercent::pods(unavailable);
  spec.rollout.partition = IntOrPercent::pods(partition);
  return spec;
}

Observed replacing(std::vector<PodView> pods) {
  Observed seen = fleet(std::move(pods));
  seen.former_revision = "old";
  return seen;
}

}  // namespace

TEST_CASE("plan_gateway rolls one pod at a time") {
  check({
      {"a new template: one pod more", spec_of(2), fleet({serving("a") | old_revision, serving("b") | old_revision}),
       "create 1"},
      {"nothing drains before the new pod is available", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 1) | old_revision, serving("c") | young}), ""},
      {"then the emptiest old pod drains", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 1) | old_revision, serving("c")}), "start b:Rollout"},
      {"an old pod that serves nobody goes first and at once", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | unready, serving("c") | young}),
       "start b:Rollout"},
      {"while an old pod drains the next new one is made, not taken back", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | draining(3s, DrainReason::kRollout),
              serving("c")}),
       "create 1"},
      {"no more drains than allowed", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | draining(3s, DrainReason::kRollout),
              serving("c"), serving("d")}),
       ""},
      {"the last old pod drains, and that is all", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("c"), serving("d")}), "start a:Rollout"},
      {"a surge pod of an abandoned template that never started goes without a drain", spec_of(2),
       fleet({serving("a"), serving("b"), serving("c") | old_revision | pending}), "delete c:never started"},
      {"a scale-down in the middle takes old pods first", spec_of(1),
       fleet({serving("a", 900) | old_revision, serving("b", 1), serving("c", 2)}), "start a:ScaleDown"},
      {"a refused template starts no rollout", spec_of(2),
       fleet({serving("a") | old_revision, serving("b") | old_revision}) |
           [](Observed& s) { s.template_error = "spec.containers[0].image: Required value"; },
       ""},
      {"a scale-up in the middle takes the draining old pod back", spec_of(3),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | draining(3s, DrainReason::kRollout),
              serving("c")}),
       "take back b, create 1"},
  });
}

TEST_CASE("plan_gateway rolls within surge, unavailable, partition and pause") {
  const PodView a = serving("a", 5) | old_revision;
  const PodView b = serving("b", 9) | old_revision;
  const PodView c = serving("c", 7) | old_revision;
  const PodView n = serving("n", 1);
  GatewaySpec paused = rolling(3, 1);
  paused.paused = true;
  GatewaySpec frozen = rolling(3, 1);
  frozen.drain_freeze = true;
  GatewaySpec on_delete = rolling(3, 1);
  on_delete.rollout.type = RolloutType::kOnDelete;
  GatewaySpec canary = rolling(3, 3);
  canary.rollout.canary.steps = {{.percent = 30, .hold = 1min}};
  GatewaySpec in_place_paused = rolling(3, 0, 1);
  in_place_paused.paused = true;
  GatewaySpec halted = canary;
  GatewaySpec half = rolling(2, 1);
  half.rollout.canary.steps = {{.percent = 50, .hold = 1min}};
  GatewaySpec all_judged = rolling(3, 1);
  all_judged.rollout.canary.steps = {{.percent = 100, .hold = 1min}};
  all_judged.rollout.canary.gates = {{}};
  GatewaySpec back_again = rolling(3, 1, 0, 2);
  back_again.rollout.canary = canary.rollout.canary;
  const auto with_replicas = [](GatewaySpec spec, int replicas) {
    spec.replicas = replicas;
    return spec;
  };
  const auto at_step = [](CanaryPhase phase) {
    return
        [phase](Observed& seen) { seen.canary = {.revision = "new", .phase = phase, .since = kNoon, .message = {}}; };
  };
  const auto back = [](std::vector<PodView> pods) {
    Observed seen = fleet(std::move(pods));
    seen.current_revision = "new";
    seen.canary = {.revision = "old", .phase = CanaryPhase::kHolding, .since = kNoon, .message = {}};
    return seen;
  };
  GatewaySpec two_drains = rolling(3, 0, 2);
  two_drains.scale_down.concurrent_drains_max = 2;
  check({
      {"first the surge", rolling(3, 2), replacing({a, b, c}), "create 2"},
      {"a pod goes once a new one serves", rolling(3, 1), replacing({a, b, c, n}), "start a:Rollout"},
      {"but not while it is not available", rolling(3, 1), replacing({a, b, c, n | young}), ""},
      {"without surge some go first", rolling(3, 0, 1), replacing({a, b, c}), "start a:Rollout"},
      {"as many at once as may drain and may be missing", two_drains, replacing({a, b, c}),
       "start a:Rollout, start c:Rollout"},
      {"a partition keeps its part", rolling(3, 1, 0, 2), replacing({a, b, n}), ""},
      {"and is made again of the former template", rolling(3, 1, 0, 2), replacing({a, n}), "create 1 (1 former)"},
      {"a pause makes what is missing of the former template", paused, replacing({a, b}), "create 1 (1 former)"},
      {"and rolls nothing", paused, replacing({a, b, c}), ""},
      {"a freeze makes new pods but drains none", frozen, replacing({a, b, c, n}), ""},
      {"OnDelete makes only what is missing", on_delete, replacing({a, b}), "create 1"},
      {"and lets nobody go", on_delete, replacing({a, b, c}), ""},
      {"a canary step makes its part, rounded up", canary, replacing({a, b, c}), "create 1"},
      {"and no more while it holds", canary, replacing({a, b, n}), ""},
      {"a rollout in place drains on purpose: nobody is taken back", rolling(3, 0, 1),
       replacing({a | draining(3s, DrainReason::kRollout), b, c}), "create 1"},
      {"a pause takes back what would be missing", in_place_paused,
       replacing({a | draining(3s, DrainReason::kRollout), b, c}), "take back a"},
      {"a pause lets go of what is more than asked for", paused, replacing({a, b, c, n}), "start a:ScaleDown"},
      {"but not before enough others serve", paused, replacing({a, b, c, n | young}), ""},
      {"a halted step stands still", halted, replacing({a, b, n}) | at_step(CanaryPhase::kHalted), ""},
      {"and loses no pod to a scale-up", with_replicas(halted, 6), replacing({a, b, n}) | at_step(CanaryPhase::kHalted),
       "create 3 (3 former)"},
      {"a step grows with the replicas", with_replicas(canary, 6),
       replacing({a, b, n}) | at_step(CanaryPhase::kHolding), "create 3 (2 former)"},
      {"a step shrinks with them: new pods go where too many are of the new template", with_replicas(half, 2),
       replacing({a, serving("m", 2), n}) | at_step(CanaryPhase::kHolding), "start n:ScaleDown"},
      {"while a gate has to be met one old pod stays", all_judged,
       replacing({a, n, serving("m"), serving("o")}) | at_step(CanaryPhase::kHolding), ""},
      {"back to the former template: no step, no partition, and what drains is taken back", back_again,
       back({n | draining(3s, DrainReason::kRollout) | evicting(5), b, c}), "take back n and tell it, create 1"},
      {"and what was given up goes", back_again, back({n, serving("m"), serving("o"), b}), "start b:Rollout"},
      {"a third template: what was given up halfway goes first", rolling(3, 1),
       replacing({a, b, serving("h", 99) | [](PodView& pod) { pod.revision = "halfway"; }, n}), "start h:Rollout"},
      {"of a refused template's surplus what can be made again stays", rolling(2, 1),
       replacing({a, b, serving("h", 99) | [](PodView& pod) { pod.revision = "halfway"; }}) |
           [](Observed& s) { s.template_error = "no"; },
       "start h:ScaleDown"},
      {"nobody knows any more how to make a former pod: it is made of the newest", rolling(3, 1, 0, 2), fleet({a, n}),
       "create 1"},
      {"a refused template rolls nothing, and missing pods are of the former one", rolling(3, 1),
       replacing({a, b}) | [](Observed& s) { s.template_error = "no"; }, "create 1 (1 former)"},
      {"a pod that does not serve goes at once", rolling(3, 1), replacing({a, b | unready, c, n | young}),
       "start b:Rollout"},
  });
}

TEST_CASE("a revision is not judged by what was counted of the one before it") {
  GatewaySpec spec = spec_of(2);
  spec.rollout.canary.steps = {{.percent = 50, .hold = 0ms}};
  spec.rollout.canary.gates = {{.metric = GateMetric::kHandshakeSuccess, .max_drop_percent = 1, .samples_min = 100}};
  for (const int failed : {0, 500}) {
    CAPTURE(failed);
    Observed seen = fleet({serving("a") | old_revision, serving("n")});
    seen.former_revision = seen.current_revision = "old";
    seen.canary = {.revision = "bad", .phase = CanaryPhase::kHalted, .since = kNoon - 1min, .message = {}};
    seen.samples.canary = {.handshakes_ok = 500, .handshakes_failed = failed};
    seen.samples.stable = {.handshakes_ok = 1'000};
    const CanaryDecision decision = plan_gateway(spec, seen, kNoon).canary;
    CHECK(decision.news == CanaryNews::kNone);
    CHECK(decision.progress.phase == CanaryPhase::kHolding);
  }
}

}  // namespace sluice::op
