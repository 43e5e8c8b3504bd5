#include "operator/announce.h"

#include "common/base/duration_text.h"
#include "operator/names.h"
#include "operator/releases.h"

namespace sluice::op {
namespace {

std::string connections(const std::optional<std::int64_t>& count) {
  if (!count) return "an unknown number of connections";
  return std::to_string(*count) + (*count == 1 ? " connection" : " connections");
}

/// "10 connections", or "10 connections that cost 30 to move" where one costs more than a bare one.
std::string load(const std::optional<std::int64_t>& count, const std::optional<std::int64_t>& cost) {
  if (!count || !cost || *count == *cost) return connections(count);
  return connections(count) + " that cost " + std::to_string(*cost) + " to move";
}

std::string since(const DrainRecord& record, WallTime now) {
  return format_duration(std::chrono::round<std::chrono::seconds>(now - record.started_at));
}

}  // namespace

Announcement victim_selected(const StartDrain& start) {
  std::string note = start.pod.name + " goes (" + to_string(start.record.reason) + "): ";
  if (!start.why.empty()) note += start.why + "; ";
  note += "it has " + load(start.connections, start.cost);
  note += start.runner_up.empty() ? "; there was no other candidate"
                                  : "; next would have been " + start.runner_up + " with " +
                                        load(start.runner_up_connections, start.runner_up_cost);
  return {false, "VictimSelected", "SelectVictim", std::move(note)};
}

Announcement drain_started(const StartDrain& start, const GatewaySpec& spec) {
  return {false, "DrainStarted", "Drain",
          start.pod.name + " has left the endpoints; its " + connections(start.connections) + " are moved from " +
              format_rfc3339(start.record.started_at + spec.drain.propagation_delay) + " on, until " +
              format_rfc3339(start.record.deadline) + " at the latest"};
}

Announcement drain_cancelled(const CancelDrain& cancel) {
  return {false, "DrainCancelled", "Undrain", cancel.pod.name + " is taken back: " + cancel.why};
}

std::optional<Announcement> canary_news(const CanaryDecision& decision, const GatewaySpec& spec) {
  const CanaryProgress& now = decision.progress;
  const std::string of = " of " + std::to_string(spec.rollout.canary.steps.size());
  const std::string passed = "step " + std::to_string(now.step) + of;  // The one before that it has moved on to.
  switch (decision.news) {
    case CanaryNews::kNone:
      return std::nullopt;
    case CanaryNews::kPassed:
      return Announcement{false, "CanaryPassed", "Rollout",
                          passed + " of revision " + now.revision + " has passed" +
                              (decision.unjudged.empty() ? "" : ", not judged: " + decision.unjudged)};
    case CanaryNews::kPromoted:
      return Announcement{
          false, "CanaryPromoted", "Rollout",
          passed + " of revision " + now.revision + " was passed by a person (annotation " + kPromoteAnnotation + ")"};
    case CanaryNews::kFailed:
      return Announcement{
          true, "CanaryFailed", "Rollout",
          "step " + std::to_string(now.step + 1) + of + " of revision " + now.revision + " is halted: " + now.message};
  }
  return std::nullopt;
}

Announcement capacity_guard(const std::string& objection) {
  return {true, "CapacityGuard", "Drain", objection};
}

Announcement drain_frozen(const RewriteDrain& rewrite) {
  return {false, "DrainFrozen", "Drain",
          rewrite.pod.name +
              " keeps what it has as long as spec.drainFreeze is true: it stays out of the endpoints, and its deadline "
              "moves on"};
}

Announcement drain_thawed(const RewriteDrain& rewrite) {
  return {false, "DrainResumed", "Drain",
          rewrite.pod.name + " goes on with its drain, until " + format_rfc3339(rewrite.record.deadline) +
              " at the latest"};
}

std::optional<Announcement> health_news(const SetHealth& change, const std::optional<HealthRecord>& before) {
  const char* phase = "";
  switch (change.news) {
    case HealthNews::kGrows:
    case HealthNews::kHeld:
      return std::nullopt;
    case HealthNews::kBack:
      phase = "Active";
      break;
    case HealthNews::kKicked:
    case HealthNews::kRejoining:
    case HealthNews::kGray:
    case HealthNews::kRelapsed:
      phase = to_string(change.record->phase);
      break;
  }
  const bool bad = change.news == HealthNews::kKicked || change.news == HealthNews::kRelapsed;
  std::string note = change.pod.name + ": " + (before ? to_string(before->phase) : "Active") + " -> " + phase;
  if (bad) {
    note += std::string(" (") + to_string(change.record->event) + ", severity " +
            std::to_string(change.record->severity) + ")";
  }
  return Announcement{bad, "NodeStatusChanged", "Heal", note + ": " + change.why};
}

Announcement rebalance_began(const std::set<std::string>& pods, const GatewaySpec& spec) {
  std::string names;
  for (const std::string& pod : pods) names += (names.empty() ? "" : ", ") + pod;
  const bool moves = spec.rebalance.type == RebalanceType::kMove;
  return {false, "RebalanceStarted", "Rebalance",
          names + (pods.size() == 1 ? " is" : " are") + " more than " + std::to_string(spec.rebalance.skew_percent) +
              "% above the mean: new connections go to the others" +
              (moves ? ", and connections that understand hints move there" : "")};
}

Announcement rebalance_ended() {
  return {false, "RebalanceCompleted", "Rebalance", "every pod takes new connections again"};
}

std::optional<Announcement> drain_ended(const DeletePod& removed, WallTime now) {
  if (!removed.record) return std::nullopt;
  const std::string pod = removed.pod.name;
  if (removed.reason == DeleteReason::kTimedOut) {
    return Announcement{true, "DrainTimedOut", "Drain",
                        pod + " is deleted at its deadline with " + connections(removed.connections) + " left"};
  }
  if (removed.reason == DeleteReason::kStopped) {
    return Announcement{true, "DrainCompleted", "Drain",
                        pod + " is deleted: its container stopped running during the drain"};
  }
  const std::string moved = removed.initial ? connections(removed.initial) : "all connections";
  return Announcement{false, "DrainCompleted", "Drain",
                      pod + " is empty and is deleted: " + moved + " moved in " + since(*removed.record, now)};
}

std::vector<PodNews> late_drains(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  std::vector<PodNews> news;
  if (spec.drain.on_timeout != OnTimeout::kWait) return news;
  for (const PodView& pod : seen.pods) {
    if (phase_of(pod, spec, now) != DrainPhase::kTimedOut) continue;
    const auto left = pod.state ? std::optional(pod.state->connections) : std::nullopt;
    news.push_back({pod.uid,
                    {true, "DrainTimedOut", "Drain",
                     pod.name + " has passed its deadline with " + connections(left) +
                         " left and goes on, since drain.onTimeout is Wait"}});
  }
  return news;
}

std::vector<PodNews> hurried_pods(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  std::vector<PodNews> news;
  if (budget_now(spec, seen, now) <= budget_of(spec, receivers_of(seen), seen.throttle)) return news;
  for (const PodView& pod : seen.pods) {
    if (phase_of(pod, spec, now) != DrainPhase::kTerminating || !pod.state) continue;
    news.push_back(
        {pod.uid,
         {true, "BudgetExceeded", "Drain",
          pod.name + " is being deleted and has " + connections(pod.state->connections) + " left until " +
              format_rfc3339(release_deadline(pod, spec)) + ", more than the reconnect budget can move by then"}});
  }
  return news;
}

std::vector<PodNews> bad_session_costs(const Observed& seen) {
  std::vector<PodNews> news;
  for (const PodView& pod : seen.pods) {
    if (!pod.session_cost_bad) continue;
    news.push_back({pod.uid,
                    {true, "SessionCostIgnored", "SelectVictim",
                     "the annotation " + std::string(kSessionCostAnnotation) + " of " + pod.name +
                         " is no number >= 0: what its gateway says counts"}});
  }
  return news;
}

std::optional<Announcement> budget_exceeded(const DeletePod& removed) {
  if (removed.reason != DeleteReason::kTimedOut || removed.connections == 0) return std::nullopt;
  return Announcement{true, "BudgetExceeded", "Drain",
                      "the deadline of " + removed.pod.name + " closes " + connections(removed.connections) +
                          " at once, beyond the reconnect budget"};
}

}  // namespace sluice::op
