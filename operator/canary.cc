#include "operator/canary.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace sluice::op {
namespace {

constexpr std::array<std::pair<std::string_view, CanaryPhase>, 4> kPhases{{{"Making", CanaryPhase::kMaking},
                                                                           {"Holding", CanaryPhase::kHolding},
                                                                           {"Halted", CanaryPhase::kHalted},
                                                                           {"Done", CanaryPhase::kDone}}};

struct Share {
  std::int64_t good = 0;
  std::int64_t all = 0;
  [[nodiscard]] double percent() const { return 100.0 * static_cast<double>(good) / static_cast<double>(all); }
};

Share share_of(GateMetric metric, const GatewayTotals& totals) {
  switch (metric) {
    case GateMetric::kHandshakeSuccess:
      return {totals.handshakes_ok, totals.handshakes_ok + totals.handshakes_failed};
    case GateMetric::kCleanClose:
      return {totals.closes_clean, totals.closes_clean + totals.closes_abnormal};
    case GateMetric::kResumeSuccess:
      return {totals.resumes_ok, totals.resumes_ok + totals.resumes_failed};
  }
  return {};
}

std::string sentence(const CanaryGate& gate, Share canary, Share stable) {
  char text[256];
  std::snprintf(text, sizeof text, "%s is %.2f%% of %lld on the new pods and %.2f%% of %lld on the others",
                to_string(gate.metric), canary.percent(), static_cast<long long>(canary.all), stable.percent(),
                static_cast<long long>(stable.all));
  return text;
}

std::string too_few(const CanaryGate& gate, Share canary, Share stable) {
  return std::string(to_string(gate.metric)) + " has " + std::to_string(canary.all) + " samples on the new pods and " +
         std::to_string(stable.all) + " on the others, " + std::to_string(gate.samples_min) + " are needed on each";
}

/// All gates together: a failure counts first, then a lack of samples.
GateVerdict judge_all(const std::vector<CanaryGate>& gates, const CanaryInput& input) {
  GateVerdict all;
  for (const CanaryGate& gate : gates) {
    GateVerdict one = judge_gate(gate, input.samples.canary, input.samples.stable);
    if (one.kind == GateVerdict::Kind::kFails) return one;
    if (all.kind == GateVerdict::Kind::kHolds) all = std::move(one);
  }
  return all;
}

/// Moves on to `step`, or past the last one.
void enter(CanaryProgress& progress, int step, std::size_t steps, WallTime now) {
  progress.step = step;
  progress.phase = static_cast<std::size_t>(step) < steps ? CanaryPhase::kMaking : CanaryPhase::kDone;
  progress.since = now;
  progress.message.clear();
}

void hold(const GatewaySpec& spec, const CanaryInput& input, WallTime now, CanaryDecision& decision) {
  CanaryProgress& progress = decision.progress;
  const auto& canary = spec.rollout.canary;
  const CanaryStep& step = canary.steps[static_cast<std::size_t>(progress.step)];
  const GateVerdict verdict = judge_all(canary.gates, input);
  if (verdict.kind == GateVerdict::Kind::kFails) {
    progress.phase = CanaryPhase::kHalted;
    progress.since = now;
    progress.message = verdict.message;
    decision.news = CanaryNews::kFailed;
    return;
  }
  if (now < progress.since + step.hold) {
    decision.wake_after = std::chrono::duration_cast<Duration>(progress.since + step.hold - now);
    return;
  }
  if (verdict.kind == GateVerdict::Kind::kTooFewSamples &&
      canary.on_insufficient_samples != OnInsufficientSamples::kProceed) {
    decision.shift = canary.on_insufficient_samples == OnInsufficientSamples::kShift;
    progress.message = verdict.message;
    return;
  }
  decision.news = CanaryNews::kPassed;
  enter(progress, progress.step + 1, canary.steps.size(), now);
}

}  // namespace

const char* to_string(CanaryPhase phase) {
  for (const auto& [word, meaning] : kPhases) {
    if (meaning == phase) return word.data();  // Literals: they end with a zero.
  }
  return "";
}

std::optional<CanaryPhase> parse_canary_phase(std::string_view text) {
  for (const auto& [word, meaning] : kPhases) {
    if (text == word) return meaning;
  }
  return std::nullopt;
}

GateVerdict judge_gate(const CanaryGate& gate, const GatewayTotals& canary, const GatewayTotals& stable) {
  const Share ours = share_of(gate.metric, canary);
  const Share theirs = share_of(gate.metric, stable);
  if (ours.all < gate.samples_min || theirs.all < gate.samples_min) {
    return {GateVerdict::Kind::kTooFewSamples, too_few(gate, ours, theirs)};
  }
  const bool fails = ours.percent() < theirs.percent() - gate.max_drop_percent;
  return {fails ? GateVerdict::Kind::kFails : GateVerdict::Kind::kHolds, sentence(gate, ours, theirs)};
}

CanaryDecision decide_canary(const GatewaySpec& spec, const CanaryProgress& before, const CanaryInput& input,
                             WallTime now) {
  const auto& steps = spec.rollout.canary.steps;
  CanaryDecision decision{
      .progress = before, .news = CanaryNews::kNone, .percent = 100, .shift = false, .wake_after = {}};
  CanaryProgress& progress = decision.progress;
  if (progress.revision != input.revision) {
    progress.revision = input.revision;
    // The first template of all has nothing to be compared with.
    enter(progress, input.rolling ? 0 : static_cast<int>(steps.size()), steps.size(), now);
  }
  // Steps may have been taken away meanwhile.
  if (progress.phase != CanaryPhase::kDone && static_cast<std::size_t>(progress.step) >= steps.size()) {
    enter(progress, progress.step, steps.size(), now);
  }
  if (progress.phase == CanaryPhase::kDone) return decision;

  if (input.promoted == input.revision + "/" + std::to_string(progress.step + 1)) {
    decision.news = CanaryNews::kPromoted;
    enter(progress, progress.step + 1, steps.size(), now);
  } else if (progress.phase == CanaryPhase::kMaking && input.step_available && !spec.paused) {
    progress.phase = CanaryPhase::kHolding;
    progress.since = now;
    hold(spec, input, now, decision);
  } else if (progress.phase == CanaryPhase::kHolding && !spec.paused) {
    hold(spec, input, now, decision);
  }
  if (progress.phase != CanaryPhase::kDone) decision.percent = steps[static_cast<std::size_t>(progress.step)].percent;
  return decision;
}

}  // namespace sluice::op
