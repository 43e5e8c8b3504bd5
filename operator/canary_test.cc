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
  return text + to_string(decision.news) + (decision.shift_for > 0 ? " shift" : "") +
         (decision.drop_promotion ? " drop" : "");
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
  GatewaySpec on_delete = two_steps();
  on_delete.rollout.type = RolloutType::kOnDelete;
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
      {"one that the fleet was on before needs no proof",
       two_steps(),
       {.revision = "bad", .step = 1, .phase = CanaryPhase::kHalted, .since = kNoon, .message = "why"},
       {.revision = "new", .rolling = false, .step_available = true, .samples = {}, .promoted = {}},
       "Done 100%"},
      {"where nobody goes for a template there are no steps", on_delete, {}, rolling(false), "Done 100%"},
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
      {"a step whose pods are gone is not passed", two_steps(), at(0, CanaryPhase::kHolding, 10min), rolling(false),
       "1 Holding 10%"},
      {"nor do others send it their connections", with(OnInsufficientSamples::kShift),
       at(0, CanaryPhase::kHolding, 10min), rolling(false, kFew), "1 Holding 10%"},
      {"nor where it is they who are short of samples", with(OnInsufficientSamples::kShift),
       at(0, CanaryPhase::kHolding, 10min), rolling(true, handshakes(500, 0, 50, 0)), "1 Holding 10%"},
      {"or send new connections over", with(OnInsufficientSamples::kShift), at(0, CanaryPhase::kHolding, 10min),
       rolling(true, kFew), "1 Holding 10% shift"},
      {"without gates the hold alone decides", no_gates, at(0, CanaryPhase::kHolding, 10min), rolling(true, {}),
       "2 Making 50% passed"},
      {"a person passes a halted step", two_steps(), at(0, CanaryPhase::kHalted), rolling(true, kBad, "new/1"),
       "2 Making 50% promoted"},
      {"a promotion counts once, for the step that it names", two_steps(), at(1, CanaryPhase::kMaking),
       rolling(false, kBad, "new/1"), "2 Making 50% drop"},
      {"and may be given before its step", two_steps(), at(0, CanaryPhase::kMaking), rolling(false, kBad, "new/2"),
       "1 Making 10%"},
      {"past the last step it has nothing to say", two_steps(), at(2, CanaryPhase::kDone), rolling(true, kBad, "new/2"),
       "Done 100% drop"},
      {"nor where it names no step", two_steps(), at(0, CanaryPhase::kHalted), rolling(true, kBad, "new/one"),
       "1 Halted 10% drop"},
      {"and for the revision that it names", two_steps(), at(0, CanaryPhase::kHalted), rolling(true, kBad, "old/1"),
       "1 Halted 10% drop"},
      {"in a pause nothing is judged", paused, at(0, CanaryPhase::kHolding, 10min), rolling(true, kBad),
       "1 Making 10%"},
      {"nor does a hold begin", paused, at(0, CanaryPhase::kMaking, 10min), rolling(), "1 Making 10%"},
      {"what is halted stays so", paused, at(0, CanaryPhase::kHalted, 10min), rolling(), "1 Halted 10%"},
      {"steps that were taken away are passed", no_steps, at(1, CanaryPhase::kMaking), rolling(), "Done 100%"},
      {"once done it stays done", two_steps(), at(2, CanaryPhase::kDone), rolling(true, kBad), "Done 100%"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(decide_canary(row.spec, row.before, row.input, kNoon)) == row.decision);
  }
}

TEST_CASE("a gate whose metric nobody counts is one without samples, and the message names it") {
  // What today's gateways say: handshakes by the thousand, no close yet, and no protocol that resumes.
  CanarySamples samples = kGood;
  samples.canary.closes_clean = 12;
  samples.stable.closes_clean = 20;
  const CanaryGate handshakes_hold{.metric = GateMetric::kHandshakeSuccess, .max_drop_percent = 1, .samples_min = 100};
  const CanaryGate few_closes{.metric = GateMetric::kCleanClose, .max_drop_percent = 1, .samples_min = 20};
  const CanaryGate no_resumes{.metric = GateMetric::kResumeSuccess, .max_drop_percent = 1, .samples_min = 500};
  const std::string resumes = "ResumeSuccess lacks 500 samples on the new pods and 500 on the others (minSamples: 500)";
  const std::string closes = "CleanClose lacks 8 samples on the new pods (minSamples: 20)";

  struct Row {
    const char* name;
    std::vector<CanaryGate> gates;
    OnInsufficientSamples then;
    Duration held;
    const char* decision;
    std::string message;  // Of the step, or where it has passed of what was not judged.
    std::int64_t shift_for;
  };
  const Row rows[] = {
      {"during the hold it is told already",
       {no_resumes},
       OnInsufficientSamples::kWait,
       1s,
       "1 Holding 10%",
       resumes,
       0},
      {"after it: wait", {no_resumes}, OnInsufficientSamples::kWait, 10min, "1 Holding 10%", resumes, 0},
      {"for as long as it takes", {no_resumes}, OnInsufficientSamples::kWait, 24h, "1 Holding 10%", resumes, 0},
      {"or proceed", {no_resumes}, OnInsufficientSamples::kProceed, 10min, "2 Making 50% passed", resumes, 0},
      {"or shift", {no_resumes}, OnInsufficientSamples::kShift, 10min, "1 Holding 10% shift", resumes, 500},
      {"a gate that holds before it does not hide it",
       {handshakes_hold, no_resumes},
       OnInsufficientSamples::kWait,
       10min,
       "1 Holding 10%",
       resumes,
       0},
      {"nor one behind it",
       {no_resumes, handshakes_hold},
       OnInsufficientSamples::kWait,
       10min,
       "1 Holding 10%",
       resumes,
       0},
      {"all that lack samples are named, and the one that lacks most says how long to shift",
       {few_closes, handshakes_hold, no_resumes},
       OnInsufficientSamples::kShift,
       10min,
       "1 Holding 10% shift",
       closes + "; " + resumes,
       500},
      {"all are named where they are passed by, too",
       {few_closes, no_resumes},
       OnInsufficientSamples::kProceed,
       10min,
       "2 Making 50% passed",
       closes + "; " + resumes,
       0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    GatewaySpec spec = two_steps();
    spec.rollout.canary.gates = row.gates;
    spec.rollout.canary.on_insufficient_samples = row.then;
    const CanaryDecision decision =
        decide_canary(spec, at(0, CanaryPhase::kHolding, row.held), rolling(true, samples), kNoon);
    CHECK(words(decision) == row.decision);
    CHECK(decision.progress.message + decision.unjudged == row.message);
    CHECK(decision.shift_for == row.shift_for);
  }
}

TEST_CASE("a gate that fails halts the step, though others lack samples") {
  GatewaySpec spec = two_steps();
  const CanaryGate no_resumes{.metric = GateMetric::kResumeSuccess, .max_drop_percent = 1, .samples_min = 500};
  for (const auto then :
       {OnInsufficientSamples::kWait, OnInsufficientSamples::kProceed, OnInsufficientSamples::kShift}) {
    spec.rollout.canary.on_insufficient_samples = then;
    spec.rollout.canary.gates = {no_resumes, two_steps().rollout.canary.gates.front()};
    CHECK(words(decide_canary(spec, at(0, CanaryPhase::kHolding, 1s), rolling(true, kBad), kNoon)) ==
          "1 Halted 10% failed");
  }
}

TEST_CASE("a hold wakes when it is over, and begins by the clock that it was given") {
  const CanaryDecision holding = decide_canary(two_steps(), at(0, CanaryPhase::kHolding, 4min), rolling(), kNoon);
  CHECK(holding.wake_after == 6min);
  CHECK(holding.progress.since == kNoon - 4min);
  const CanaryDecision begun = decide_canary(two_steps(), at(0, CanaryPhase::kMaking, 4min), rolling(), kNoon);
  CHECK(begun.progress.since == kNoon);
  CHECK(begun.wake_after == 10min);
  // What was paused holds anew.
  GatewaySpec paused = two_steps();
  paused.paused = true;
  CHECK(decide_canary(paused, at(0, CanaryPhase::kHolding, 4min), rolling(), kNoon).progress.since == kNoon);
}

TEST_CASE("a step that is passed is acted on once the status says so") {
  const auto acts = [](const CanaryDecision& decision) {
    return std::to_string(decision.allowed_percent) + (decision.stepping ? "%" : "% without steps");
  };
  const CanaryInput promoted = rolling(true, kBad, "new/1");
  const CanaryDecision passed = decide_canary(two_steps(), at(0, CanaryPhase::kHolding, 10min), rolling(), kNoon);
  CHECK(acts(passed) == "10%");
  CHECK(passed.wake_after == Duration(0));
  CHECK(acts(decide_canary(two_steps(), at(0, CanaryPhase::kHalted), promoted, kNoon)) == "10%");
  CHECK(acts(decide_canary(two_steps(), {}, promoted, kNoon)) == "10%");
  CHECK(acts(decide_canary(two_steps(), passed.progress, rolling(false), kNoon)) == "50%");
  const CanaryDecision over = decide_canary(two_steps(), at(1, CanaryPhase::kHolding, 5min), rolling(), kNoon);
  CHECK(acts(over) == "50%");
  CHECK(acts(decide_canary(two_steps(), over.progress, rolling(), kNoon)) == "100% without steps");
}

TEST_CASE("a leader that ends before its status says that a step is passed has made nothing for the next step") {
  GatewaySpec spec;
  spec.replicas = 2;
  spec.rollout.canary.steps = {{.percent = 50, .hold = 1min}};
  PodView old = testing::serving("a");
  testing::old_revision(old);
  Observed seen = testing::fleet({old, testing::serving("n")});
  seen.former_revision = seen.current_revision = "old";
  seen.canary = at(0, CanaryPhase::kHolding, 1min);
  const Plan passing = plan_gateway(spec, seen, kNoon);
  CHECK(passing.canary.news == CanaryNews::kPassed);
  CHECK(passing.create.empty());
  CHECK(passing.wake_after == Duration(0));
  seen.canary = passing.canary.progress;
  CHECK(plan_gateway(spec, seen, kNoon).create.size() == 1);
}

TEST_CASE("judge_gate compares shares of successes in percentage points") {
  const CanaryGate gate{.metric = GateMetric::kHandshakeSuccess, .max_drop_percent = 1, .samples_min = 100};
  using Kind = GateVerdict::Kind;
  CHECK(judge_gate(gate, kGood.canary, kGood.stable).kind == Kind::kHolds);
  CHECK(judge_gate(gate, kFew.canary, kFew.stable).kind == Kind::kTooFewSamples);
  const GateVerdict fails = judge_gate(gate, kBad.canary, kBad.stable);
  CHECK(fails.kind == Kind::kFails);
  CHECK(fails.message ==
        "HandshakeSuccess is 97.00% of 1000 on the new pods and 99.90% of 9009 on the others "
        "(maxDropPercent: 1)");
  CHECK(judge_gate(gate, kFew.canary, kFew.stable).canary_lacks == 50);
  CHECK(judge_gate(gate, kFew.canary, kFew.stable).message ==
        "HandshakeSuccess lacks 50 samples on the new pods (minSamples: 100)");
  CHECK(judge_gate(gate, kGood.canary, {}).message ==
        "HandshakeSuccess lacks 100 samples on the others (minSamples: 100)");
  CHECK(judge_gate(gate, kGood.canary, {}).canary_lacks == 0);
  // Exactly the drop that is allowed holds.
  const CanarySamples edge = handshakes(990, 10, 1000, 0);
  CHECK(judge_gate(gate, edge.canary, edge.stable).kind == Kind::kHolds);
}

TEST_CASE("samples are summed over the pods that serve, the stable ones since the hold began") {
  using namespace testing;
  const auto counted = [](std::int64_t ok) { return [ok](PodView& pod) { pod.state->totals.handshakes_ok = ok; }; };
  const auto of = [](const char* revision) { return [revision](PodView& pod) { pod.revision = revision; }; };
  const CanaryProgress step = at(0, CanaryPhase::kHolding, 5min);
  const std::vector<PodView> before{serving("a") | old_revision | counted(100),
                                    serving("b") | old_revision | counted(70), serving("n") | counted(5)};
  const CanaryBaseline baseline = take_baseline(before, step, {});
  const std::vector<PodView> after{serving("a") | old_revision | counted(150),                  // 50 since
                                   serving("b") | old_revision | counted(30),                   // began anew: 30
                                   serving("c") | old_revision | young | counted(20),           // came later: 20
                                   serving("d") | old_revision | counted(999) | draining(20s),  // goes: does not count
                                   serving("e") | old_revision | counted(999) | terminating,
                                   serving("f") | old_revision | counted(777),  // was there, but is heard only now
                                   serving("n") | counted(40)};
  const CanaryBaseline later = take_baseline(after, step, baseline);
  const CanarySamples samples = sum_samples(after, step, "old", later);
  CHECK(samples.stable.handshakes_ok == 100);
  CHECK(samples.canary.handshakes_ok == 40);
  CHECK(later.totals.at("uid-a").handshakes_ok == 100);
  CHECK_FALSE(later.totals.contains("uid-n"));
  // Of another step it says nothing.
  CHECK(sum_samples(after, at(1, CanaryPhase::kHolding), "old", later).stable.handshakes_ok == 0);
  CHECK(take_baseline(after, at(1, CanaryPhase::kHolding), later).totals.at("uid-a").handshakes_ok == 150);
  // A revision that was given up halfway is nobody to be compared with, as long as there is a better one.
  std::vector<PodView> mixed{serving("a") | old_revision | counted(150), serving("g") | of("halfway") | counted(20)};
  CanaryBaseline of_both{.step = canary_step_id(step), .totals = {{"uid-a", {}}, {"uid-g", {}}}};
  CHECK(sum_samples(mixed, step, "old", of_both).stable.handshakes_ok == 150);
  CHECK(sum_samples(mixed, step, "lost", of_both).stable.handshakes_ok == 170);
}

}  // namespace sluice::op
