#include "operator/rollout_conditions.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

GatewaySpec with_steps() {
  GatewaySpec spec = spec_of(3);
  spec.rollout.canary.steps = {{.percent = 30, .hold = 10min}, {.percent = 60, .hold = 10min}};
  return spec;
}
GatewaySpec with(GatewaySpec spec, const std::function<void(GatewaySpec&)>& change) {
  change(spec);
  return spec;
}

Plan at(CanaryPhase phase, const char* message = "") {
  Plan plan;
  plan.canary.progress = {.revision = "new", .step = 0, .phase = phase, .since = kNoon - 4min, .message = message};
  plan.canary.percent = phase == CanaryPhase::kDone ? 100 : 30;
  return plan;
}
using testing::operator|;
Plan operator|(Plan plan, const std::function<void(Plan&)>& change) {
  change(plan);
  return plan;
}

/// "True/Reason: message".
std::string words(const Condition& condition) {
  return std::string(condition.holds ? "True/" : "False/") + condition.reason + ": " + condition.message;
}

struct Case {
  const char* name;
  GatewaySpec spec;
  Observed seen;
  Plan plan;
  const char* told;
};

void check(const std::vector<Case>& cases, const std::function<std::string(const RolloutStory&)>& tell) {
  for (const Case& one : cases) {
    CAPTURE(one.name);
    const StatusCounts counts = count_pods(one.spec, one.seen, kNoon);
    CHECK(tell({one.spec, one.seen, counts, one.plan, {}, kNoon}) == one.told);
  }
}

const PodView kOld = serving("a", 9) | old_revision;
const PodView kOther = serving("b", 9) | old_revision;
const PodView kNew = serving("n", 9);
void pulls(PodView& pod) {
  pending(pod);
  pod.waits_for = "ImagePullBackOff";
}
void exceeded(Plan& plan) {
  plan.progress.mark.exceeded = true;
}
void paused(GatewaySpec& spec) {
  spec.paused = true;
}
std::function<void(Plan&)> resting_at(int updated, int former) {
  return [=](Plan& plan) { plan.rollout = {.updated = updated, .former = former, .former_kept = former}; };
}

}  // namespace

TEST_CASE("Progressing tells what is done, and what it waits for") {
  const Plan rolling = at(CanaryPhase::kDone);
  check(
      {
          {"a new pod that does not start", spec_of(3), fleet({kOld, kOther, kNew | pulls}), rolling,
           "True/RollingOut: 1 of 3 pods are of revision new; waits: n is not available (ImagePullBackOff)"},
          {"the new ones are named before others", spec_of(3), fleet({kOld | unready, kOther, kNew | young}), rolling,
           "True/RollingOut: 1 of 3 pods are of revision new; waits: n is not available (available at "
           "2026-11-23T12:00:08Z), and 1 more"},
          {"a drain", spec_of(2), fleet({kOld, kOther | draining(5s, DrainReason::kRollout), kNew}), rolling,
           "True/RollingOut: 1 of 2 pods are of revision new; waits: drains under way: 1 of at most 1, until "
           "2026-11-23T12:29:55Z at the latest"},
          {"the capacity guard", spec_of(2), fleet({kOld, kNew}),
           rolling | [](Plan& plan) { plan.objection = "18 connections would be too many"; },
           "True/RollingOut: 1 of 2 pods are of revision new; waits: 18 connections would be too many"},
          {"a freeze", with(spec_of(2), [](GatewaySpec& spec) { spec.drain_freeze = true; }), fleet({kOld, kNew}),
           rolling,
           "True/RollingOut: 1 of 2 pods are of revision new; waits: spec.drainFreeze is true, so no drain begins"},
          {"a reversal", spec_of(2), fleet({kOld, kNew}) | [](Observed& seen) { seen.reversed_ago = 10s; }, rolling,
           "True/RollingOut: 1 of 2 pods are of revision new; waits: a drain was taken back, so none begins before "
           "2026-11-23T12:00:20Z"},
          {"the deadline", spec_of(3), fleet({kOld, kOther, kNew | pulls}), rolling | exceeded,
           "False/ProgressDeadlineExceeded: nothing has moved for 10m0s (spec.progressDeadlineSeconds): 1 of 3 pods "
           "are of revision new, 2 of 3 pods are available; waits: n is not available (ImagePullBackOff); nothing is "
           "rolled back by itself"},
          {"a pause", with(spec_of(2), paused), fleet({kOld, kNew}), rolling,
           "False/Paused: 1 of 2 pods are of revision new; spec.paused is true"},
          {"a partition", spec_of(2), fleet({kOld, kNew}), rolling | resting_at(1, 1),
           "False/AtPartition: 1 of 2 pods are of revision new; spec.rollout.partition keeps 1 on the former one"},
          {"on delete", with(spec_of(2), [](GatewaySpec& spec) { spec.rollout.type = RolloutType::kOnDelete; }),
           fleet({kOld, kNew}), rolling,
           "False/OnDelete: 1 of 2 pods are of revision new; the others stay until somebody deletes them, as "
           "spec.rollout.type OnDelete asks for"},
          {"a step that holds", with_steps(), fleet({kOld, kOther, kNew}), at(CanaryPhase::kHolding) | resting_at(1, 2),
           "True/CanaryHolding: 1 of 3 pods are of revision new; step 1 of 2 (30%) holds, see the condition "
           "CanaryHealthy"},
          {"a step that is passed in this round", with_steps(), fleet({kOld, kOther, kNew}),
           at(CanaryPhase::kDone) | resting_at(1, 2) | [](Plan& plan) { plan.canary.news = CanaryNews::kPassed; },
           "True/RollingOut: 1 of 3 pods are of revision new"},
          {"a step that is halted", with_steps(), fleet({kOld, kOther, kNew}), at(CanaryPhase::kHalted),
           "False/CanaryHalted: 1 of 3 pods are of revision new; step 1 of 2 (30%) is halted by a gate, see the "
           "condition CanaryHealthy"},
          {"a scale-up", spec_of(3), fleet({kNew, serving("m") | pulls}), rolling,
           "True/ScalingUp: 2 of 3 pods exist; waits: m is not available (ImagePullBackOff)"},
          {"all as it should be", spec_of(1), fleet({kNew}), rolling, "False/AtTarget: the pod is as asked for"},
      },
      [](const RolloutStory& story) { return words(progressing_condition(story)); });
}

TEST_CASE("CanaryHealthy tells how the step stands, until when, and what a person can do") {
  const Observed seen = fleet({kOld, kOther, kNew});
  const auto shifting = [](Plan& plan) {
    plan.canary.shift_for = 50;
    plan.traffic_off = {"uid-a"};
  };
  const auto over = [](Plan& plan) { plan.canary.progress.since = kNoon - 10min; };
  check(
      {
          {"no steps", spec_of(3), seen, at(CanaryPhase::kDone), "True/NoCanary: no canary step is under way"},
          {"of another revision", with_steps(), seen | [](Observed& s) { s.revision = "newer"; },
           at(CanaryPhase::kHalted), "True/NoCanary: no canary step is under way"},
          {"being made", with_steps(), seen, at(CanaryPhase::kMaking),
           "True/StepInMaking: step 1 of 2 (30%) begins to hold once its pods are available"},
          {"holding", with_steps(), seen, at(CanaryPhase::kHolding, "CleanClose is fine"),
           "True/StepHolding: step 1 of 2 (30%) holds until 2026-11-23T12:06:00Z; CleanClose is fine"},
          {"too few samples", with_steps(), seen, at(CanaryPhase::kHolding, "CleanClose has 3 samples") | over,
           "True/TooFewSamples: step 1 of 2 (30%) has held until 2026-11-23T12:00:00Z and cannot be judged; CleanClose "
           "has 3 samples. It waits; to pass it: kubectl annotate rtgw edge -n default --overwrite "
           "sluice.dev/promote=new/1"},
          {"shifting", with_steps(), seen, at(CanaryPhase::kHolding, "CleanClose has 3 samples") | over | shifting,
           "True/Shifting: step 1 of 2 (30%) has held until 2026-11-23T12:00:00Z and cannot be judged; CleanClose has "
           "3 "
           "samples; out of the endpoints meanwhile: 1 pod of the former revision"},
          {"paused", with(with_steps(), paused), seen, at(CanaryPhase::kMaking),
           "True/Paused: step 1 of 2 (30%) is not judged as long as spec.paused is true"},
          {"halted", with_steps(), seen, at(CanaryPhase::kHalted, "CleanClose is bad"),
           "False/GateFailed: step 1 of 2 (30%) is halted since 2026-11-23T11:56:00Z: CleanClose is bad; left as they "
           "are: 1 pod of "
           "the newest template. Change the template back, or pass the step all the same: kubectl "
           "annotate rtgw edge -n default --overwrite sluice.dev/promote=new/1"},
      },
      [](const RolloutStory& story) { return words(canary_condition(story)); });
}

TEST_CASE("Paused and Available say what is missing") {
  check({{"not paused", spec_of(1), fleet({kNew}), {}, "False/NotPaused: spec.paused is false"},
         {"paused",
          with(spec_of(2), paused),
          fleet({kNew, kOld}),
          {},
          "True/SpecPaused: rollouts stand still as long as spec.paused is true, scaling and drains under way go on; 1 "
          "of 2 pods are of revision new"}},
        [](const RolloutStory& story) { return words(paused_condition(story)); });
  check({{"enough",
          spec_of(2),
          fleet({kNew, serving("m") | unready}),
          {},
          "True/MinimumReplicasAvailable: 1 of 2 pods are available, 1 at least are needed; m is not available (not "
          "ready)"},
         {"too few",
          spec_of(1),
          fleet({kNew | crashed}),
          {},
          "False/MinimumReplicasUnavailable: 0 of 1 pods are available, 1 at least are needed; n is not available (its "
          "container has stopped)"}},
        [](const RolloutStory& story) { return words(available_condition(story)); });
}

TEST_CASE("the column Rollout in a word") {
  const Observed mixed = fleet({kOld, kOther, kNew});
  const Plan done = at(CanaryPhase::kDone);
  check(
      {
          {"through", spec_of(1), fleet({kNew}), done, "Complete"},
          {"through, but a pod does not come", spec_of(2), fleet({kNew, serving("m") | pulls}), done | exceeded,
           "Stalled"},
          {"rolling", spec_of(3), mixed, done, "Rolling 33%"},
          {"stalled", spec_of(3), mixed, done | exceeded, "Stalled 33%"},
          {"paused", with(spec_of(3), paused), mixed, done, "Paused 33%"},
          {"at its partition", spec_of(3), mixed, done | resting_at(1, 2), "Partition 33%"},
          {"on delete", with(spec_of(3), [](GatewaySpec& spec) { spec.rollout.type = RolloutType::kOnDelete; }), mixed,
           done, "OnDelete 33%"},
          {"a step", with_steps(), mixed, at(CanaryPhase::kHolding), "Canary 30%"},
          {"a halted step", with_steps(), mixed, at(CanaryPhase::kHalted), "Halted 30%"},
          {"a paused step", with(with_steps(), paused), mixed, at(CanaryPhase::kMaking), "Paused 30%"},
          {"refused", with_steps(), mixed | [](Observed& seen) { seen.revision = "newer"; }, done, "Refused"},
      },
      rollout_summary);
}

}  // namespace sluice::op
