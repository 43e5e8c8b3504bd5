#include "operator/rollout_news.h"

namespace sluice::op {
namespace {

using kube::Json;

const Json& progressing(const Json& status) {
  static const Json kNone;
  const Json& conditions = kube::at_pointer(status, "/conditions");
  if (!conditions.is_array()) return kNone;
  for (const Json& condition : conditions) {
    if (kube::text_at(condition, "/type") == "Progressing") return condition;
  }
  return kNone;
}

}  // namespace

RolloutNews rollout_news(const Json& before, const Json& after, const CanaryDecision& canary, const GatewaySpec& spec) {
  RolloutNews news;
  const auto tell = [&news](const char* result, Announcement event) {
    news.results.emplace_back(result);
    news.events.push_back(std::move(event));
  };
  const std::string newest = kube::text_at(after, "/updateRevision");
  const std::string was_current = kube::text_at(before, "/currentRevision");
  // What is refused has status.rollout still speak of the revision before it.
  const bool refused = kube::text_at(after, "/rollout/revision") != newest;
  const std::string was_rolled = kube::text_at(before, "/rollout/revision");
  if (!refused && !was_rolled.empty() && was_rolled != newest) {
    const bool back = newest == was_current;
    tell("started", {false, "RolloutStarted", "Rollout",
                     back ? "the fleet goes back to revision " + newest
                          : "revision " + newest + " is rolled out, the fleet is on " + was_current});
  }
  if (const auto event = canary_news(canary, spec)) {
    if (canary.news == CanaryNews::kFailed) news.results.emplace_back("halted");
    if (canary.news == CanaryNews::kPromoted) news.results.emplace_back("promoted");
    news.events.push_back(*event);
  }
  const std::string reason = kube::text_at(progressing(after), "/reason");
  if (reason == kDeadlineExceeded && kube::text_at(progressing(before), "/reason") != reason) {
    tell("stalled", {true, kDeadlineExceeded, "Rollout", kube::text_at(progressing(after), "/message")});
  }
  const std::string current = kube::text_at(after, "/currentRevision");
  if (!was_current.empty() && current != was_current && current == newest) {
    tell("completed", {false, "RolloutCompleted", "Rollout",
                       "all pods are of revision " + current + "; the one before was " + was_current});
  }
  return news;
}

}  // namespace sluice::op
