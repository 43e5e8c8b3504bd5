// A rollout in steps, each judged by what connections meet on the pods of the newer revision. Pure.
//
// A step makes its part of the pods, holds for a while once they are available, and is passed if every gate holds: the
// canary's share of successes may lie no further below the stable pods' than the gate allows. A gate that fails halts
// the rollout at once: as many pods of the newer revision as there are stay, until the template changes or a person
// promotes the step. Source: the analysis runs of Argo Rollouts, without a query language.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "operator/gateway_state.h"
#include "operator/spec.h"

namespace sluice::op {

enum class CanaryPhase {
  kMaking,   ///< The step's pods are not all available yet.
  kHolding,  ///< They are; time and gates decide.
  kHalted,   ///< A gate has failed.
  kDone,     ///< No step is left, or there never was one.
};
const char* to_string(CanaryPhase phase);
std::optional<CanaryPhase> parse_canary_phase(std::string_view text);

/// Where a rollout stands: kept in status.rollout, so that a new leader goes on from it.
struct CanaryProgress {
  std::string revision;  ///< That the steps are for; another one begins at the first step.
  int step = 0;          ///< Index into spec.rollout.canary.steps.
  CanaryPhase phase = CanaryPhase::kMaking;
  WallTime since{};     ///< When the phase began.
  std::string message;  ///< Why it is halted, or what it waits for.

  bool operator==(const CanaryProgress&) const = default;
};

/// What the gateways of either side have counted (canary_samples.h).
struct CanarySamples {
  GatewayTotals canary;  ///< Pods of the newest revision, since they began.
  GatewayTotals stable;  ///< The others, since this step's hold began or this process did.
};

struct CanaryInput {
  std::string revision;         ///< The newest one.
  bool rolling = false;         ///< There is a former revision, and the fleet was on that one.
  bool step_available = false;  ///< The pods that the step asks for are available.
  CanarySamples samples;
  std::string promoted;  ///< Annotation sluice.dev/promote: "<revision>/<step>", counted from 1; or empty.
  int step_pods = 0;     ///< Pods that the step asks for, for its sentences.
};

/// What has just happened, for events.
enum class CanaryNews { kNone, kPassed, kFailed, kPromoted };

struct CanaryDecision {
  CanaryProgress progress;
  CanaryNews news = CanaryNews::kNone;
  int percent = 100;  ///< Of spec.replicas that the step which `progress` is in is for.
  /// What may be done now. Where a step is passed it is that of the step before, until the status says that it is
  /// passed: else a leader that ends in between leaves pods that the next one, for whom the step still holds, drains
  /// again.
  int allowed_percent = 100;
  bool stepping = false;  ///< A step bounds what may be done now.
  /// Stable pods should leave the endpoints until the canary has so many more samples (canary_shift.h). 0: none.
  std::int64_t shift_for = 0;
  bool drop_promotion =
      false;             ///< The annotation is of no use any more: what it asked for has been done, or passed by.
  std::string unjudged;  ///< With kPassed: the gates that had too few samples and were passed by all the same.
  std::optional<Duration> wake_after;
};

/// Whether it has just gone on to the next step, or past the last one.
inline bool moves_on(const CanaryDecision& decision) {
  return decision.news == CanaryNews::kPassed || decision.news == CanaryNews::kPromoted;
}

CanaryDecision decide_canary(const GatewaySpec& spec, const CanaryProgress& before, const CanaryInput& input,
                             WallTime now);

/// How one gate stands. One that lacks samples on either side says nothing, whatever the reason: nobody came, or
/// nothing counts its metric. What becomes of the step then is for spec.rollout.canary.onInsufficientSamples.
struct GateVerdict {
  enum class Kind { kHolds, kFails, kTooFewSamples } kind = Kind::kHolds;
  std::string message;  ///< "HandshakeSuccess is 97.10% of 812 on the new pods and 99.50% of 20400 on the others ...".
  std::int64_t canary_lacks = 0;  ///< Samples that the new pods are short of.
};
GateVerdict judge_gate(const CanaryGate& gate, const GatewayTotals& canary, const GatewayTotals& stable);

}  // namespace sluice::op
