// The part of the oracle that watches canary steps: who passes, who is halted, and how many pods a step makes.
#include <algorithm>

#include "operator/names.h"
#include "operator/simulation/oracle.h"

namespace sluice::op::simulation {
namespace {

using Rollout = GatewaySpec::Rollout;

/// No gate can be passed for want of samples.
bool strict(const Rollout::Canary& canary) {
  return !canary.gates.empty() && canary.on_insufficient_samples != OnInsufficientSamples::kProceed;
}

/// The status does not say which step is done: a large one.
int place_of(const CanaryProgress& progress) {
  return progress.phase == CanaryPhase::kDone ? 1'000 : progress.step;
}

int percent_of(const Rollout::Canary& canary, int step) {
  const auto index = static_cast<std::size_t>(step);
  return index < canary.steps.size() ? canary.steps[index].percent : 100;
}

/// ceil(replicas * percent), beside the partition.
int share(const GatewaySpec& spec, int percent) {
  const int beside = std::max(0, spec.replicas - spec.rollout.partition.of(spec.replicas, Round::kUp));
  return std::min(beside, (spec.replicas * percent + 99) / 100);
}

}  // namespace

void Oracle::stepping(const CanaryProgress& before, const CanaryDecision& decision) {
  const CanaryProgress& after = decision.progress;
  if (after.revision.empty()) return;
  const bool begins = before.revision != after.revision;
  if (after.revision != stepped_ || begins) {
    stepped_ = after.revision;
    place_ = 0;
  }
  if (decision.news == CanaryNews::kFailed && !world_.is_bad(after.revision)) {
    violated("revision " + after.revision + " is halted, and nothing is the matter with it: " + after.message);
  }
  if (begins) {
    check_begin(after, decision);
  } else if (place_of(after) > place_of(before)) {
    check_pass(before, decision);
  }
  place_ = std::max(place_, place_of(after));
}

/// Whether steps hold a revision back, as far as the operator may see: others serve, and the fleet was on one of them.
bool Oracle::goes_in_steps(const std::string& revision) const {
  return always([&](const Past& past) {
    const auto others = past.live_revisions.size() - past.live_revisions.count(revision);
    return !past.spec->rollout.canary.steps.empty() && past.spec->rollout.type != RolloutType::kOnDelete &&
           !past.current_revision.empty() && past.current_revision != revision && others > 0;
  });
}

void Oracle::check_begin(const CanaryProgress& after, const CanaryDecision& decision) {
  if (decision.news == CanaryNews::kPassed) violated("revision " + after.revision + " passes as it begins");
  if (place_of(after) > 0 && decision.news != CanaryNews::kPromoted && goes_in_steps(after.revision)) {
    violated("revision " + after.revision + " begins behind its first step");
  }
}

/// One step at a time: by its gates and its time, or by a person's word.
void Oracle::check_pass(const CanaryProgress& before, const CanaryDecision& decision) {
  const CanaryProgress& after = decision.progress;
  const std::string what = "step " + std::to_string(before.step + 1) + " of " + after.revision + " is passed ";
  const auto next = static_cast<std::size_t>(before.step) + 1;
  const bool may_be_last = !always([&](const Past& past) { return past.spec->rollout.canary.steps.size() > next; });
  const bool one = after.phase == CanaryPhase::kDone ? may_be_last : after.step == before.step + 1;
  if (!one) return violated(what + "with others after it at once");
  if (decision.news == CanaryNews::kPromoted) {
    const std::string word = after.revision + "/" + std::to_string(next);
    if (always([&](const Past& past) { return past.promoted != word; })) violated(what + "and nobody has promoted it");
    return;
  }
  // Steps that are taken away are over.
  const bool taken_away = !always([&](const Past& past) { return past.spec->rollout.canary.steps.size() >= next; });
  if (taken_away) return;
  if (decision.news != CanaryNews::kPassed) return violated(what + "and nobody is told");
  Duration hold = std::chrono::hours(24);
  for (const Past& past : past_) {
    hold = std::min(hold, past.spec->rollout.canary.steps[static_cast<std::size_t>(before.step)].hold);
  }
  if (hold > Duration(0)) {
    if (before.phase != CanaryPhase::kHolding) return violated(what + "and was never held");
    if (world_.clock.wall() < before.since + hold) return violated(what + "before its hold is over");
  }
  if (!world_.is_bad(after.revision)) return;
  const bool judged = always([&](const Past& past) {
    return strict(past.spec->rollout.canary) &&
           std::none_of(past.live_revisions.begin(), past.live_revisions.end(), [&](const std::string& revision) {
             return revision != after.revision && world_.is_bad(revision);
           });
  });
  if (judged) violated(what + "though half of its handshakes and closes fail");
}

/// A step makes no more pods than its part of the replicas; what is to go for other reasons is filled up.
void Oracle::check_share(const std::string& revision) {
  if (revision != stepped_ || !goes_in_steps(revision)) return;
  int most = 0;
  for (const Past& past : past_) {
    most = std::max(most, share(*past.spec, percent_of(past.spec->rollout.canary, place_)));
  }
  int there = 0;
  for (const auto& [name, pod] : world_.pods()) {
    const bool counts = is_live(pod) && kube::label_of(pod.object, kRevisionLabel) == revision && !was_leaving(pod);
    there += counts ? 1 : 0;
  }
  if (there + 1 > most) {
    violated(std::to_string(there + 1) + " pods of " + revision + " would be there, step " +
             std::to_string(place_ + 1) + " is for " + std::to_string(most));
  }
}

}  // namespace sluice::op::simulation
