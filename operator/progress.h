// Whether a rollout or a scale-up comes any further: spec.progressDeadlineSeconds. Pure; memory.h keeps the clock.
//
// The clock begins anew when more pods are of the newest revision, more of those are available, fewer are of a former
// one, or more serve at all than ever since it was asked for (a pod that crashes and comes back is no progress); and
// when a drain or a pause ends. It stands still while pods drain and while the rollout is paused, and does not run
// where there is nothing to do. Source: deployment util.DeploymentProgressing, which counts what comes back.
#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "operator/spec.h"

namespace sluice::op {

/// Reason of the condition Progressing once the deadline has passed.
inline constexpr const char* kDeadlineExceeded = "ProgressDeadlineExceeded";

/// Pods that serve or are about to.
struct ProgressCounts {
  int updated = 0;            ///< Of the newest revision.
  int updated_available = 0;  ///< Those of them that are available.
  int former = 0;             ///< Of any other.
  int available = 0;          ///< Of both.

  bool operator==(const ProgressCounts&) const = default;
};

/// What is remembered: the best that has been.
struct ProgressMark {
  std::string aim;  ///< "<revision>/<step>" that it is for; empty: there is none yet.
  ProgressCounts best;
  bool idle = false;      ///< The clock did not run the last time: the next one begins anew.
  bool exceeded = false;  ///< The deadline has passed, and nothing has moved since.

  bool operator==(const ProgressMark&) const = default;
};

struct ProgressInput {
  std::string aim;
  ProgressCounts counts;
  bool at_target = false;     ///< There is nothing to wait for.
  bool held = false;          ///< Pods drain, or the rollout is paused.
  bool was_exceeded = false;  ///< The status says so: a new leader has no mark of its own.
};

struct ProgressDecision {
  ProgressMark mark;
  bool moved = false;                  ///< The clock begins anew now.
  std::optional<Duration> wake_after;  ///< The deadline.
};

/// `age`: since the clock began, for `before`.
ProgressDecision decide_progress(const GatewaySpec& spec, const ProgressMark& before, Duration age,
                                 const ProgressInput& input);

}  // namespace sluice::op
