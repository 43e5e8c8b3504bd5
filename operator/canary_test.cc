#include "operator/canary.h"

#include <doctest/doctest.h>

#include <vector>

#include "operator/canary_samples.h"
#include "operator/plan_test_fleet.h"

namespace sluice::op {
namespace {

using testing::kNoon;

GatewaySpec two_steps() {
  GatewaySpec spec;
  spec.replicas = 10;
  spec.rollout.canary.steps = {{.percent = 10, .hold = 10min}, {.percent = 50, .hold = 5min}};
  spec.rollout.canary.gates = {{.metric = GateMetric::kHandshakeSuccess, .max_drop_percent = 1, .samples_min = 100}};
  return spec;
}

CanaryProgress at(int step, CanaryPhase phase, Duration since = Duration(0)) {
  return {.revision = "new", .step = step, .phase = phase, .since = kNoon - since, .message = {}};
}

CanarySamples handshakes(std::int64_t canary_ok, std::int64_t canary_failed, std::int64_t stable_ok,
                         std::int64_t stable_failed) {
  CanarySamples samples;
  samples.canary.handshakes_ok = canary_ok;
  samples.canary.handshakes_failed = canary_failed;
  samples.stable.handshakes_ok = stable_ok;
  samples.stable.handshakes_failed = stable_failed;
  return samples;
}
const CanarySamples kGood = handshakes(1000, 1, 9000, 9);
const CanarySamples kBad = handshakes(970, 30, 9000, 9);
const CanarySamples kFew = handshakes(50, 0, 9000, 9);

CanaryInput rolling(bool available = true, CanarySamples samples = kGood, const char* promoted = "") {
  return {.revision = "new", .rolling = true, .step_available = available, .samples = samples, .promoted = promoted};
}

const char* to_string(CanaryNews news) {
  switch (news) {
    case CanaryNews::kNone:
      return "";
    case CanaryNews::kPassed:
      return " passed";
    case CanaryNews::kFailed:
      return " failed";
    case CanaryNews::kPromoted:
      return " promoted";
  }
  return "?";
}

/// "1 Holding 10%", "2 Making 50% passed", "Done 100%".
std::string words(const CanaryDecision& decision) {
  const CanaryProgress& progress = decision.progress;
  std::string text;
  if (progress.phase != CanaryPhase::kDone) text = std::to_string(progress.step + 1) + " ";
  text += std::string(to_string(progress.phase)) + " " + std::to_string(decision.percent) + "%";
  return text + to_string(decision.news) + (decision.shift ? " shift" : "");
}

}  // namespace

TEST_CASE("decide_canary goes through its steps") {
  const auto with = [](OnInsufficientSamples then) {
    GatewaySpec spec = two_steps();
    spec.rollout.canary.on_insufficient_samples = then;
    return spec;
  };
  GatewaySpec paused = two_steps();
  paused.paused = true;
  GatewaySpec no_steps = two_steps();
  no_steps.rollout.canary.steps.clear();
  GatewaySpec no_gates = two_steps();
  no_gates.rollout.canary.gates.clear();

  struct Row {
    const char* name;
    GatewaySpec spec;
    CanaryProgress before;
    CanaryInput input;
    const char* decision;
  };
  const Row rows[] = {
      {"a newer template begins at the first step", two_steps(), {}, rolling(false), "1 Making 10%"},
      {"the first template of all has nobody to be compared with",
       two_steps(),
       {},
       {.revision = "new", .rolling = false, .step_available = true, .samples = {}, .promoted = {}},
       "Done 100%"},
      {"another template begins anew, though one was halted",
       two_steps(),
       {.revision = "bad", .step = 1, .phase = CanaryPhase::kHalted, .since = kNoon, .message = "why"},
       rolling(false),
       "1 Making 10%"},
      {"without steps all pods are rolled", no_steps, {}, rolling(false), "Done 100%"},
      {"a step that is being made waits for its pods", two_steps(), at(0, CanaryPhase::kMaking), rolling(false),
       "1 Making 10%"},
      {"once they are available the hold begins", two_steps(), at(0, CanaryPhase::kMaking), rolling(), "1 Holding 10%"},
      {"it lasts as long as it should", two_steps(), at(0, CanaryPhase::kHolding, 599s), rolling(), "1 Holding 10%"},
      {"then the next step begins", two_steps(), at(0, CanaryPhase::kHolding, 10min), rolling(), "2 Making 50% passed"},
      {"past the last step all pods are rolled", two_steps(), at(1, CanaryPhase::kHolding, 5min), rolling(),
       "Done 100% passed"},
      {"a gate that fails halts at once", two_steps(), at(0, CanaryPhase::kHolding, 1s), rolling(true, kBad),
       "1 Halted 10% failed"},
      {"a halted step stays halted, whatever its samples say later", two_steps(), at(0, CanaryPhase::kHalted, 1h),
       rolling(), "1 Halted 10%"},
      {"too few samples before the hold is over say nothing", two_steps(), at(0, CanaryPhase::kHolding, 1s),
       rolling(true, kFew), "1 Holding 10%"},
      {"and after it: wait", with(OnInsufficientSamples::kWait), at(0, CanaryPhase::kHolding, 10min),
       rolling(true, kFew), "1 Holding 10%"},
      {"or go on", with(OnInsufficientSamples::kProceed), at(0, CanaryPhase::kHolding, 10min), rolling(true, kFew),
       "2 Making 50% passed"},
      {"or send new connections over", with(OnInsufficientSamples::kShift), at(0, CanaryPhase::kHolding, 10min),
       rolling(true, kFew), "1 Holding 10% shift"},
      {"without gates the hold alone decides", no_gates, at(0, CanaryPhase::kHolding, 10min), rolling(true, {}),
       "2 Making 50% passed"},
      {"a person passes a halted step", two_steps(), at(0, CanaryPhase::kHalted), rolling(true, kBad, "new/1"),
       "2 Making 50% promoted"},
      {"a promotion counts once, for the step that it names", two_steps(), at(1, CanaryPhase::kMaking),
       rolling(false, kBad, "new/1"), "2 Making 50%"},
      {"and for the revision that it names", two_steps(), at(0, CanaryPhase::kHalted), rolling(true, kBad, "old/1"),
       "1 Halted 10%"},
      {"a pause holds the clock", paused, at(0, CanaryPhase::kHolding, 10min), rolling(), "1 Holding 10%"},
      {"steps that were taken away are passed", no_steps, at(1, CanaryPhase::kMaking), rolling(), "Done 100%"},
      {"once done it stays done", two_steps(), at(2, CanaryPhase::kDone), rolling(true, kBad), "Done 100%"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(decide_canary(row.spec, row.before, row.input, kNoon)) == row.decision);
  }
}

TEST_CASE("a hold wakes when it is over, and begins by the clock that it was given") {
  const CanaryDecision holding = decide_canary(two_steps(), at(0, CanaryPhase::kHolding, 4min), rolling(), kNoon);
  CHECK(holding.wake_after == 6min);
  CHECK(holding.progress.since == kNoon - 4min);
  const CanaryDecision begun = decide_canary(two_steps(), at(0, CanaryPhase::kMaking, 4min), rolling(), kNoon);
  CHECK(begun.progress.since == kNoon);
  CHECK(begun.wake_after == 10min);
}

TEST_CASE("judge_gate compares shares of successes in percentage points") {
  const CanaryGate gate{.metric = GateMetric::kHandshakeSuccess, .max_drop_percent = 1, .samples_min = 100};
  using Kind = GateVerdict::Kind;
  CHECK(judge_gate(gate, kGood.canary, kGood.stable).kind == Kind::kHolds);
  CHECK(judge_gate(gate, kFew.canary, kFew.stable).kind == Kind::kTooFewSamples);
  const GateVerdict fails = judge_gate(gate, kBad.canary, kBad.stable);
  CHECK(fails.kind == Kind::kFails);
  CHECK(fails.message == "HandshakeSuccess is 97.00% of 1000 on the new pods and 99.90% of 9009 on the others");
  // Exactly the drop that is allowed holds.
  const CanarySamples edge = handshakes(990, 10, 1000, 0);
  CHECK(judge_gate(gate, edge.canary, edge.stable).kind == Kind::kHolds);
}

TEST_CASE("samples are summed over the pods that serve, the stable ones since the hold began") {
  using namespace testing;
  const auto counted = [](std::int64_t ok) { return [ok](PodView& pod) { pod.state->totals.handshakes_ok = ok; }; };
  const CanaryProgress step = at(0, CanaryPhase::kHolding);
  const std::vector<PodView> before{serving("a") | old_revision | counted(100),
                                    serving("b") | old_revision | counted(70), serving("n") | counted(5)};
  const CanaryBaseline baseline = take_baseline(before, step);
  const std::vector<PodView> after{serving("a") | old_revision | counted(150),                  // 50 since
                                   serving("b") | old_revision | counted(30),                   // began anew: 30
                                   serving("c") | old_revision | counted(20),                   // came later: 20
                                   serving("d") | old_revision | counted(999) | draining(20s),  // goes: does not count
                                   serving("e") | old_revision | counted(999) | terminating,
                                   serving("n") | counted(40)};
  const CanarySamples samples = sum_samples(after, step, baseline);
  CHECK(samples.stable.handshakes_ok == 100);
  CHECK(samples.canary.handshakes_ok == 40);
  // Of another step it says nothing.
  CHECK(sum_samples(after, at(1, CanaryPhase::kHolding), baseline).stable.handshakes_ok == 0);
}

}  // namespace sluice::op
