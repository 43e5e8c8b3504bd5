#include "operator/canary.h"

#include <algorithm>
#include <array>
#include <charconv>
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
  std::snprintf(text, sizeof text,
                "%s is %.2f%% of %lld on the new pods and %.2f%% of %lld on the others (maxDropPercent: %g)",
                to_string(gate.metric), canary.percent(), static_cast<long long>(canary.all), stable.percent(),
                static_cast<long long>(stable.all), gate.max_drop_percent);
  return text;
}

/// At least one of the two is above 0.
std::string too_few(const CanaryGate& gate, std::int64_t canary_lacks, std::int64_t stable_lacks) {
  std::string text = std::string(to_string(gate.metric)) + " lacks ";
  if (canary_lacks > 0) text += std::to_string(canary_lacks) + " samples on the new pods";
  if (canary_lacks > 0 && stable_lacks > 0) text += " and ";
  if (stable_lacks > 0) text += std::to_string(stable_lacks) + (canary_lacks > 0 ? "" : " samples") + " on the others";
  return text + " (minSamples: " + std::to_string(gate.samples_min) + ")";
}

/// All gates together: a failure counts first, then a lack of samples, told of every gate that has it.
GateVerdict judge_all(const std::vector<CanaryGate>& gates, const CanaryInput& input) {
  using Kind = GateVerdict::Kind;
  GateVerdict all;
  for (const CanaryGate& gate : gates) {
    GateVerdict one = judge_gate(gate, input.samples.canary, input.samples.stable);
    if (one.kind == Kind::kFails) return one;
    if (all.kind == Kind::kHolds) {
      all = std::move(one);
    } else if (one.kind == Kind::kTooFewSamples) {
      all.message += "; " + one.message;
      all.canary_lacks = std::max(all.canary_lacks, one.canary_lacks);
    }
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

std::string promotion_of(const CanaryProgress& progress) {
  return progress.revision + "/" + std::to_string(progress.step + 1);
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
  progress.message = verdict.message;
  if (now < progress.since + step.hold) {
    decision.wake_after = std::chrono::duration_cast<Duration>(progress.since + step.hold - now);
    return;
  }
  if (!input.step_available) {
    progress.message = "not all of its " + std::to_string(input.step_pods) + " pods are available any more";
    return;
  }
  if (verdict.kind == GateVerdict::Kind::kTooFewSamples) {
    if (canary.on_insufficient_samples == OnInsufficientSamples::kShift) decision.shift_for = verdict.canary_lacks;
    if (canary.on_insufficient_samples != OnInsufficientSamples::kProceed) return;
    decision.unjudged = verdict.message;
  }
  decision.news = CanaryNews::kPassed;
  enter(progress, progress.step + 1, canary.steps.size(), now);
}

void take_step(const GatewaySpec& spec, const CanaryInput& input, WallTime now, CanaryDecision& decision) {
  CanaryProgress& progress = decision.progress;
  if (input.promoted == promotion_of(progress)) {
    decision.news = CanaryNews::kPromoted;
    enter(progress, progress.step + 1, spec.rollout.canary.steps.size(), now);
    return;
  }
  if (progress.phase == CanaryPhase::kHalted) return;
  if (spec.paused) {
    // What is paused is not judged; the hold begins anew after it.
    if (progress.phase == CanaryPhase::kHolding) progress.since = now;
    progress.phase = CanaryPhase::kMaking;
    progress.message.clear();
    return;
  }
  if (progress.phase == CanaryPhase::kMaking && input.step_available) {
    progress.phase = CanaryPhase::kHolding;
    progress.since = now;
  }
  if (progress.phase == CanaryPhase::kHolding) hold(spec, input, now, decision);
}

/// Whether a promotion has had its effect, or never will: `before` is how far the status says that the steps are.
bool is_behind(const std::string& promoted, const std::string& newest, const CanaryProgress& before) {
  if (!promoted.starts_with(newest + "/")) return true;
  if (before.revision != newest) return false;
  const std::string_view step = std::string_view(promoted).substr(newest.size() + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), number);
  const bool whole = error == std::errc() && end == step.data() + step.size();
  return before.phase == CanaryPhase::kDone || !whole || number <= before.step;
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
  const std::int64_t canary_lacks = std::max<std::int64_t>(0, gate.samples_min - ours.all);
  const std::int64_t stable_lacks = std::max<std::int64_t>(0, gate.samples_min - theirs.all);
  if (canary_lacks > 0 || stable_lacks > 0) {
    return {GateVerdict::Kind::kTooFewSamples, too_few(gate, canary_lacks, stable_lacks), canary_lacks};
  }
  const bool fails = ours.percent() < theirs.percent() - gate.max_drop_percent;
  return {fails ? GateVerdict::Kind::kFails : GateVerdict::Kind::kHolds, sentence(gate, ours, theirs), 0};
}

CanaryDecision decide_canary(const GatewaySpec& spec, const CanaryProgress& before, const CanaryInput& input,
                             WallTime now) {
  const auto& steps = spec.rollout.canary.steps;
  CanaryDecision decision;
  decision.progress = before;
  CanaryProgress& progress = decision.progress;
  if (progress.revision != input.revision) {
    progress.revision = input.revision;
    // The first template of all has nothing to be compared with; neither has one that the fleet was on before.
    const bool stepwise = input.rolling && spec.rollout.type != RolloutType::kOnDelete;
    enter(progress, stepwise ? 0 : static_cast<int>(steps.size()), steps.size(), now);
  }
  // Steps may have been taken away meanwhile.
  if (progress.phase != CanaryPhase::kDone && static_cast<std::size_t>(progress.step) >= steps.size()) {
    enter(progress, progress.step, steps.size(), now);
  }
  const auto percent_of = [&steps](const CanaryProgress& at) {
    return at.phase != CanaryPhase::kDone ? steps[static_cast<std::size_t>(at.step)].percent : 100;
  };
  const CanaryProgress known = progress;
  if (progress.phase != CanaryPhase::kDone) take_step(spec, input, now, decision);
  const CanaryProgress& acted_on = moves_on(decision) ? known : progress;
  decision.percent = percent_of(progress);
  decision.allowed_percent = percent_of(acted_on);
  decision.stepping = acted_on.phase != CanaryPhase::kDone;
  if (moves_on(decision)) decision.wake_after = Duration(0);
  // A promotion that is left standing would pass the same step of the same template another time.
  decision.drop_promotion = !input.promoted.empty() && is_behind(input.promoted, input.revision, before);
  return decision;
}

}  // namespace sluice::op
