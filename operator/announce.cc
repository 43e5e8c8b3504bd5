#include "operator/announce.h"

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

std::string connections(const std::optional<std::int64_t>& count) {
  if (!count) return "an unknown number of connections";
  return std::to_string(*count) + (*count == 1 ? " connection" : " connections");
}

std::string since(const DrainRecord& record, WallTime now) {
  return format_duration(std::chrono::round<std::chrono::seconds>(now - record.started_at));
}

}  // namespace

Announcement victim_selected(const StartDrain& start) {
  std::string note =
      start.pod.name + " goes (" + to_string(start.record.reason) + "): it has " + connections(start.cost);
  note += start.runner_up.empty()
              ? "; there was no other candidate"
              : "; next would have been " + start.runner_up + " with " + connections(start.runner_up_cost);
  return {false, "VictimSelected", "SelectVictim", std::move(note)};
}

Announcement drain_started(const StartDrain& start, const GatewaySpec& spec) {
  return {false, "DrainStarted", "Drain",
          start.pod.name + " has left the endpoints; its " + connections(start.cost) + " are moved from " +
              format_rfc3339(start.record.started_at + spec.propagation_delay) + " on, until " +
              format_rfc3339(start.record.deadline) + " at the latest"};
}

Announcement drain_cancelled(const CancelDrain& cancel) {
  return {false, "DrainCancelled", "Undrain", cancel.pod.name + " is taken back: more replicas are wanted again"};
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

std::optional<Announcement> budget_exceeded(const DeletePod& removed) {
  if (removed.reason != DeleteReason::kTimedOut || removed.connections == 0) return std::nullopt;
  return Announcement{true, "BudgetExceeded", "Drain",
                      "the deadline of " + removed.pod.name + " closes " + connections(removed.connections) +
                          " at once, beyond the reconnect budget"};
}

}  // namespace sluice::op
