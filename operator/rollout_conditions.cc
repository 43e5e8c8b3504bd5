#include "operator/rollout_conditions.h"

#include <algorithm>
#include <vector>

#include "common/base/duration_text.h"
#include "operator/names.h"

namespace sluice::op {
namespace {

std::string number(std::int64_t count) {
  return std::to_string(count);
}

/// "1 pod", "3 pods".
std::string pods(int count) {
  return number(count) + (count == 1 ? " pod" : " pods");
}

/// Why a pod does not count as available.
std::string state_of(const PodView& pod, const GatewaySpec& spec) {
  if (pod.ready) return "available at " + format_rfc3339(pod.ready_since + spec.min_ready);
  if (!pod.waits_for.empty()) return pod.waits_for;
  switch (pod.container) {
    case ContainerState::kNeverStarted:
      return "its container has not started";
    case ContainerState::kStopped:
      return "its container has stopped";
    case ContainerState::kRunning:
      break;
  }
  return "not ready";
}

/// "edge-abcde is not available (ImagePullBackOff), and 2 more": what a rollout waits for first of all.
std::string unavailable_pods(const RolloutStory& story) {
  const PodView* first = nullptr;
  int more = -1;
  for (const PodView& pod : story.seen.pods) {
    if (!is_live(pod) || is_available(pod, story.spec, story.now)) continue;
    // Those of the newest revision are what it is about.
    const bool newer = pod.revision == story.seen.revision;
    if (first == nullptr || (newer && first->revision != story.seen.revision)) first = &pod;
    ++more;
  }
  if (first == nullptr) return {};
  std::string text = first->name + " is not available (" + state_of(*first, story.spec) + ")";
  if (more > 0) text += ", and " + number(more) + " more";
  return text;
}

std::string running_drains(const RolloutStory& story) {
  const PodView* last = nullptr;
  for (const PodView& pod : story.seen.pods) {
    if (!pod.drain || pod.terminating) continue;
    if (last == nullptr || pod.drain->deadline > last->drain->deadline) last = &pod;
  }
  if (last == nullptr) return {};
  return "drains under way: " + number(story.counts.draining) + " of at most " +
         number(story.spec.scale_down.concurrent_drains_max) + ", until " + format_rfc3339(last->drain->deadline) +
         " at the latest";
}

/// All that keeps pods from being made or drained: "; waits: a, b"; empty where nothing does.
std::string waits(const RolloutStory& story) {
  std::vector<std::string> all{unavailable_pods(story), running_drains(story), story.plan.objection};
  if (story.spec.drain_freeze) all.emplace_back("spec.drainFreeze is true, so no drain begins");
  const auto& reversed = story.seen.reversed_ago;
  if (reversed && *reversed < story.spec.drain.reverse_hold && story.counts.draining == 0) {
    all.emplace_back("a drain was taken back, so none begins before " +
                     format_rfc3339(story.now - *reversed + story.spec.drain.reverse_hold));
  }
  std::erase(all, "");
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "; waits: " : "; ") + one;
  return text;
}

/// "1 of 3 pods".
std::string of_wanted(int count, const RolloutStory& story) {
  return number(count) + " of " + number(story.spec.replicas) + " pods";
}

std::string step_of(const RolloutStory& story) {
  const CanaryProgress& progress = story.plan.canary.progress;
  return "step " + number(progress.step + 1) + " of " +
         number(static_cast<std::int64_t>(story.spec.rollout.canary.steps.size())) + " (" +
         number(story.plan.canary.percent) + "%)";
}

/// The command by which a person passes the present step.
std::string how_to_promote(const RolloutStory& story) {
  const CanaryProgress& progress = story.plan.canary.progress;
  return "kubectl annotate rtgw " + story.seen.name + " -n " + story.seen.ns + " --overwrite " + kPromoteAnnotation +
         "=" + progress.revision + "/" + number(progress.step + 1);
}

bool stepping(const RolloutStory& story) {
  const CanaryProgress& progress = story.plan.canary.progress;
  return progress.revision == story.seen.revision && progress.phase != CanaryPhase::kDone;
}

bool halted(const RolloutStory& story) {
  return stepping(story) && story.plan.canary.progress.phase == CanaryPhase::kHalted;
}

int former_of(const RolloutStory& story) {
  return story.counts.live - story.counts.updated;
}

/// Nothing more is asked for, though pods of a former revision are left.
bool rests(const RolloutStory& story) {
  if (moves_on(story.plan.canary)) return false;  // What the next step asks for has not been decided yet.
  const RolloutTarget& target = story.plan.rollout;
  const int kept = std::max(target.former, target.former_kept);
  return kept > 0 && former_of(story) <= kept && story.counts.updated >= target.updated;
}

std::string updated_text(const RolloutStory& story) {
  return of_wanted(story.counts.updated, story) + " are of revision " + story.seen.revision;
}

/// Pods of a former revision serve.
Condition rolling_condition(const RolloutStory& story) {
  const auto say = [](bool holds, const char* reason, std::string message) {
    return Condition{"Progressing", holds, reason, std::move(message)};
  };
  const std::string updated = updated_text(story);
  if (halted(story)) {
    return say(false, "CanaryHalted",
               updated + "; " + step_of(story) + " is halted by a gate, see the condition CanaryHealthy");
  }
  if (story.spec.paused) return say(false, "Paused", updated + "; spec.paused is true");
  if (story.spec.rollout.type == RolloutType::kOnDelete) {
    return say(false, "OnDelete",
               updated + "; the others stay until somebody deletes them, as spec.rollout.type OnDelete asks for");
  }
  if (stepping(story) && rests(story)) {
    return say(true, "CanaryHolding", updated + "; " + step_of(story) + " holds, see the condition CanaryHealthy");
  }
  if (!stepping(story) && rests(story)) {
    return say(false, "AtPartition",
               updated + "; spec.rollout.partition keeps " + number(former_of(story)) + " on the former one");
  }
  return say(true, "RollingOut", updated + waits(story));
}

}  // namespace

Condition available_condition(const RolloutStory& story) {
  // As many may be missing as evictions may take, but not all of them.
  const int replicas = story.spec.replicas;
  const int least =
      std::max(replicas - story.spec.disruption_unavailable.of(replicas, Round::kUp), std::min(replicas, 1));
  const bool enough = story.counts.available >= least;
  std::string message =
      of_wanted(story.counts.available, story) + " are available, " + number(least) + " at least are needed";
  const std::string missing = unavailable_pods(story);
  if (!missing.empty()) message += "; " + missing;
  return {"Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable", std::move(message)};
}

Condition progressing_condition(const RolloutStory& story) {
  const StatusCounts& counts = story.counts;
  const int replicas = story.spec.replicas;
  const auto say = [](bool holds, const char* reason, std::string message) {
    return Condition{"Progressing", holds, reason, std::move(message)};
  };
  if (!story.problem.reason.empty()) return {"Progressing", false, story.problem.reason, story.problem.message};
  if (story.seen.deleting) return say(true, "Deleting", "pods are drained before the gateway goes");
  if (story.plan.progress.mark.exceeded) {
    return say(false, kDeadlineExceeded,
               "nothing has moved for " + format_duration(story.spec.progress_deadline) +
                   " (spec.progressDeadlineSeconds): " + updated_text(story) + ", " +
                   of_wanted(counts.available, story) + " are available" + waits(story) +
                   "; nothing is rolled back by itself");
  }
  if (counts.updated < counts.live) return rolling_condition(story);
  if (counts.live < replicas) {
    return say(true, "ScalingUp", of_wanted(counts.live, story) + " exist" + waits(story));
  }
  if (counts.live > replicas) {
    return say(true, "ScalingDown",
               number(counts.live) + " pods serve, " + number(replicas) + " are wanted" + waits(story));
  }
  if (counts.available < replicas) {
    return say(true, "WaitingForPods", of_wanted(counts.available, story) + " are available" + waits(story));
  }
  if (counts.draining > 0) {
    return say(true, "Draining", "pods that go are moving their connections" + waits(story));
  }
  return say(false, "AtTarget",
             replicas == 1 ? "the pod is as asked for" : "all " + number(replicas) + " pods are as asked for");
}

Condition paused_condition(const RolloutStory& story) {
  if (!story.spec.paused) return {"Paused", false, "NotPaused", "spec.paused is false"};
  return {"Paused", true, "SpecPaused",
          "rollouts stand still as long as spec.paused is true, scaling and drains under way go on; " +
              updated_text(story)};
}

Condition canary_condition(const RolloutStory& story) {
  const auto say = [](bool holds, const char* reason, std::string message) {
    return Condition{"CanaryHealthy", holds, reason, std::move(message)};
  };
  if (!stepping(story)) return say(true, "NoCanary", "no canary step is under way");
  const CanaryDecision& canary = story.plan.canary;
  const CanaryProgress& progress = canary.progress;
  const std::string step = step_of(story);
  if (progress.phase == CanaryPhase::kHalted) {
    return say(false, "GateFailed",
               step + " is halted since " + format_rfc3339(progress.since) + ": " + progress.message +
                   "; left as they are: " + pods(story.counts.updated) +
                   " of the newest template. Change the template back, or pass the step all the same: " +
                   how_to_promote(story));
  }
  if (story.spec.paused) return say(true, "Paused", step + " is not judged as long as spec.paused is true");
  if (progress.phase == CanaryPhase::kMaking) {
    return say(true, "StepInMaking", step + " begins to hold once its pods are available");
  }
  const auto& steps = story.spec.rollout.canary.steps;
  const bool known = static_cast<std::size_t>(progress.step) < steps.size();
  const WallTime until = progress.since + (known ? steps[static_cast<std::size_t>(progress.step)].hold : Duration(0));
  const std::string judged = progress.message.empty() ? "" : "; " + progress.message;
  if (story.now < until) return say(true, "StepHolding", step + " holds until " + format_rfc3339(until) + judged);
  std::string message = step + " has held until " + format_rfc3339(until) + " and cannot be judged" + judged;
  if (canary.shift_for > 0 && story.plan.shift_objection.empty()) {
    return say(true, "Shifting",
               message + "; out of the endpoints meanwhile: " + pods(static_cast<int>(story.plan.traffic_off.size())) +
                   " of the former revision");
  }
  if (!story.plan.shift_objection.empty()) message += "; " + story.plan.shift_objection;
  return say(true, "TooFewSamples", message + ". It waits; to pass it: " + how_to_promote(story));
}

std::string rollout_summary(const RolloutStory& story) {
  const CanaryProgress& progress = story.plan.canary.progress;
  if (progress.revision != story.seen.revision) return "Refused";
  const StatusCounts& counts = story.counts;
  const bool steps = stepping(story);
  if (!steps && counts.updated >= counts.live) {
    return story.plan.progress.mark.exceeded ? "Stalled" : "Complete";
  }
  const int updated = counts.live > 0 ? 100 * counts.updated / counts.live : 0;
  const std::string percent = " " + number(steps ? story.plan.canary.percent : updated) + "%";
  if (halted(story)) return "Halted" + percent;
  if (story.plan.progress.mark.exceeded) return "Stalled" + percent;
  if (story.spec.paused) return "Paused" + percent;
  if (steps) return "Canary" + percent;
  if (story.spec.rollout.type == RolloutType::kOnDelete) return "OnDelete" + percent;
  return (rests(story) ? "Partition" : "Rolling") + percent;
}

}  // namespace sluice::op
