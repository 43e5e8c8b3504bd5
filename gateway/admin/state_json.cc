#include "gateway/admin/state_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/duration_text.h"
#include "gateway/protocols/json_text.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;

double rounded(double value, double steps) {
  return std::round(value * steps) / steps;
}

json drain_json(const GatewaySnapshot& snapshot) {
  if (!snapshot.drain) return nullptr;
  return {{"startedAt", format_rfc3339(snapshot.drain->started_at)},
          {"reason", snapshot.drain->reason},
          {"deadline", format_rfc3339(snapshot.drain->deadline)},
          {"initial", snapshot.drain->initial},
          {"remaining", snapshot.remaining()},
          {"hinted", snapshot.drain_hinted},
          {"rate", snapshot.drain->rate},
          {"etaSeconds", rounded(snapshot.drain->eta_seconds, 10)}};
}

json shed_json(const std::optional<ShedReport>& shed) {
  if (!shed) return nullptr;
  return {{"id", shed->id}, {"initial", shed->initial}, {"remaining", shed->remaining}, {"rate", shed->rate}};
}

json terminating_json(const std::optional<WallTime>& deadline) {
  if (!deadline) return nullptr;
  return {{"deadline", format_rfc3339(*deadline)}};
}

json totals_json(const Totals& totals) {
  return {{"handshakesOk", totals.handshakes_ok}, {"handshakesFailed", totals.handshakes_failed},
          {"closesClean", totals.closes_clean},   {"closesAbnormal", totals.closes_abnormal},
          {"resumesOk", totals.resumes_ok},       {"resumesFailed", totals.resumes_failed}};
}

json limits_json(const MachineLimits& limits) {
  return {{"descriptors", limits.descriptors},
          {"somaxconn", limits.somaxconn},
          {"conntrackMax", limits.conntrack_max},
          {"memoryBytes", limits.memory_bytes}};
}

}  // namespace

std::string state_json(const GatewaySnapshot& snapshot) {
  json by_state = json::object();
  for (std::size_t i = 0; i < snapshot.connections.size(); ++i) {
    by_state[kConnectionStateNames[i]] = snapshot.connections[i];
  }
  // Sockets that were never upgraded are no connections: a drain is over without them.
  const std::int64_t total = snapshot.remaining();
  return json_text({{"connections", {{"total", total}, {"byState", by_state}, {"byProtocol", {{"ws", total}}}}},
                    {"drain", drain_json(snapshot)},
                    {"shed", shed_json(snapshot.shed)},
                    {"terminating", terminating_json(snapshot.termination_deadline)},
                    {"handshakeP99", rounded(snapshot.handshake_p99_seconds, 1e6)},
                    {"memory", {{"rssBytes", snapshot.rss_bytes}, {"kernelBytes", snapshot.kernel_bytes}}},
                    {"bytesPerConnection", snapshot.bytes_per_connection},
                    {"sessionCost", rounded(snapshot.session_cost, 1e3)},
                    {"acceptPerSecond", rounded(snapshot.accepts_per_second, 100)},
                    {"opened", snapshot.opened},
                    {"totals", totals_json(snapshot.totals)},
                    {"limits", limits_json(snapshot.limits)},
                    {"tasks", {{"queued", snapshot.tasks_queued}, {"inFlight", snapshot.tasks_in_flight}}}});
}

}  // namespace sluice::gateway
