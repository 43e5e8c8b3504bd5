#include "operator/status.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/duration_text.h"
#include "operator/drain_conditions.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan.h"
#include "operator/rollout_conditions.h"
#include "operator/status_conditions.h"
#include "operator/status_counts.h"
#include "operator/status_drains.h"
#include "operator/status_offline.h"

namespace sluice::op {
namespace {

using kube::Json;

/// The revision that the fleet is on, as a whole: the newest once nothing is left of the one before it.
std::string current_revision(const Json& gateway, const RolloutStory& story) {
  const Observed& seen = story.seen;
  const std::string before = kube::text_at(gateway, "/status/currentRevision");
  std::map<std::string, int> pods_of;
  for (const PodView& pod : seen.pods) {
    if (is_live(pod) && pod.revision != seen.revision) ++pods_of[pod.revision];
  }
  if (before.empty() && !pods_of.empty()) {
    return std::max_element(pods_of.begin(), pods_of.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  }
  if (before.empty() || before == seen.revision) return seen.revision;
  const CanaryProgress& canary = story.plan.canary.progress;
  const bool steps_left = canary.revision == seen.revision && canary.phase != CanaryPhase::kDone;
  const RevisionCounts live{.updated = story.counts.updated, .former = story.counts.live - story.counts.updated};
  const bool complete = !steps_left && seen.template_error.empty() && !seen.deleting &&
                        rollout_complete(story.spec, live, story.plan.rollout);
  return complete ? seen.revision : before;
}

/// A new leader knows no counts until it has asked every pod: until then the former ones stand, and no zero is told.
Json connections_json(const Json& gateway, const StatusCounts& counts) {
  const Json& before = kube::at_pointer(gateway, "/status/connections");
  if (!counts.all_heard && before.is_object()) return before;
  return {{"active", rounded_count(counts.connections)},
          {"draining", rounded_count(counts.connections_draining)},
          {"reconnectPerSecond", rounded_count(std::llround(counts.reconnects_per_second))},
          {"summary", short_count(counts.connections + counts.connections_draining)}};
}

Json rollout_json(const RolloutStory& story) {
  const CanaryProgress& progress = story.plan.canary.progress;
  if (progress.revision.empty()) return Json::object();
  Json rollout{{"revision", progress.revision},
               {"phase", to_string(progress.phase)},
               {"since", format_rfc3339(progress.since)},
               {"summary", rollout_summary(story)}};
  if (!progress.message.empty()) rollout["message"] = progress.message;
  if (progress.phase != CanaryPhase::kDone) {
    rollout["step"] = progress.step + 1;
    rollout["steps"] = story.spec.rollout.canary.steps.size();
    rollout["percent"] = story.plan.canary.percent;
  }
  return rollout;
}

/// Sentences name figures; what they are about is told by status and reason.
void erase_messages(Json& status) {
  if (const auto rollout = status.find("rollout"); rollout != status.end() && rollout->is_object()) {
    rollout->erase("message");
  }
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return;
  for (Json& condition : *conditions) {
    if (condition.is_object()) condition.erase("message");
  }
}

/// The status without what moves all the time.
Json without_counts(Json status) {
  if (!status.is_object()) return status;
  status.erase("connections");
  status.erase("budget");
  erase_messages(status);
  const auto drains = status.find("drains");
  if (drains == status.end() || !drains->is_array()) return status;
  for (Json& drain : *drains) {
    if (!drain.is_object()) continue;
    for (const char* field : {"remaining", "initial", "rate", "eta"}) {
      if (drain.contains(field)) drain[field] = nullptr;  // That a figure is known at last is worth telling at once.
    }
  }
  return status;
}

}  // namespace

std::int64_t rounded_count(std::int64_t count) {
  std::int64_t unit = 1;
  while (count / unit >= 1000) unit *= 10;
  return (count + unit / 2) / unit * unit;
}

std::string short_count(std::int64_t count) {
  if (count < 1000) return std::to_string(count);
  double value = static_cast<double>(rounded_count(count)) / 1000;
  const char* unit = "k";
  if (value >= 1000) {
    value /= 1000;
    unit = "M";
  }
  // One place after the point where it says something: 9.8k, but 10k and 481k.
  const auto tenths = std::llround(value * 10);
  if (value >= 10 || tenths % 10 == 0) return std::to_string(std::llround(value)) + unit;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + unit;
}

Json compute_status(const Json& gateway, const GatewaySpec& spec, const Observed& seen, const Plan& plan,
                    const Problem& problem, WallTime now) {
  const StatusCounts counts = count_pods(spec, seen, now);
  const RolloutStory story{spec, seen, counts, plan, problem, now};
  Json status{{"observedGeneration", kube::integer_at(gateway, "/metadata/generation", 0)},
              {"replicas", counts.live},
              {"readyReplicas", counts.ready},
              {"availableReplicas", counts.available},
              {"updatedReplicas", counts.updated},
              {"drainingReplicas", counts.draining},
              {"selector", replica_selector(seen.name)},
              {"currentRevision", current_revision(gateway, story)},
              {"updateRevision", seen.revision},
              {"connections", connections_json(gateway, counts)},
              {"rollout", rollout_json(story)},
              {"drains", drains_json(releases_of(spec, seen, now), spec, now)},
              {"budget", budget_json(spec, seen, now)},
              {"offline", offline_json(seen, spec)},
              {"rebalance", rebalance_json(seen, spec, plan)}};
  const auto collisions =
      kube::integer_at(gateway, "/status/collisionCount", 0) + (problem.reason == "RevisionCollision");
  if (collisions > 0) status["collisionCount"] = collisions;
  status["conditions"] = conditions_json(gateway, spec, seen, counts, plan, problem, now);
  return status;
}

StatusNews status_news(const Json& before, const Json& after) {
  Json was = without_counts(before);
  Json is = without_counts(after);
  if (was == is) return StatusNews::kCounts;
  const auto drop_numbers = [](Json& status) {
    for (auto it = status.begin(); it != status.end();) {
      const bool number_of_pods = it->is_number() && it.key() != "observedGeneration";
      it = number_of_pods ? status.erase(it) : std::next(it);
    }
  };
  if (was.is_object()) drop_numbers(was);
  if (is.is_object()) drop_numbers(is);
  return was == is ? StatusNews::kReplicas : StatusNews::kEvent;
}

}  // namespace sluice::op
