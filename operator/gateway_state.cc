#include "operator/gateway_state.h"

#include <nlohmann/json.hpp>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using Json = nlohmann::json;

Error unreadable(const std::string& what) {
  return {ErrorCode::kInvalid, "the gateway's state is not readable: " + what};
}

std::optional<std::int64_t> count_at(const Json& object, const char* field) {
  const auto it = object.find(field);
  if (it == object.end() || !it->is_number_integer() || it->get<std::int64_t>() < 0) return std::nullopt;
  return it->get<std::int64_t>();
}

std::optional<WallTime> time_at(const Json& object, const char* field) {
  const auto it = object.find(field);
  if (it == object.end() || !it->is_string()) return std::nullopt;
  return parse_rfc3339(it->get_ref<const std::string&>());
}

Result<GatewayDrain> parse_drain(const Json& drain) {
  const auto started = time_at(drain, "startedAt");
  const auto deadline = time_at(drain, "deadline");
  const auto initial = count_at(drain, "initial");
  const auto remaining = count_at(drain, "remaining");
  const auto rate = drain.find("rate");
  if (!started || !deadline) return unreadable("drain.startedAt or drain.deadline is no time");
  if (!initial || !remaining) return unreadable("drain.initial or drain.remaining is no count");
  if (rate == drain.end() || !rate->is_number()) return unreadable("drain.rate is no number");
  const auto reason = drain.find("reason");
  return GatewayDrain{.started_at = *started,
                      .reason = reason != drain.end() && reason->is_string() ? reason->get<std::string>() : "",
                      .deadline = *deadline,
                      .initial = *initial,
                      .remaining = *remaining,
                      .rate = rate->get<double>()};
}

/// Figures that only inform: where one is absent or no number it stays as it is.
void read_count(const Json& object, const char* field, std::int64_t& into) {
  into = count_at(object, field).value_or(into);
}

void read_number(const Json& object, const char* field, double& into) {
  const auto it = object.find(field);
  if (it != object.end() && it->is_number() && it->get<double>() >= 0) into = it->get<double>();
}

const Json& object_at(const Json& object, const char* field) {
  static const Json kEmpty = Json::object();
  const auto it = object.find(field);
  return it != object.end() && it->is_object() ? *it : kEmpty;
}

void read_totals(const Json& totals, GatewayTotals& into) {
  read_count(totals, "handshakesOk", into.handshakes_ok);
  read_count(totals, "handshakesFailed", into.handshakes_failed);
  read_count(totals, "closesClean", into.closes_clean);
  read_count(totals, "closesAbnormal", into.closes_abnormal);
  read_count(totals, "resumesOk", into.resumes_ok);
  read_count(totals, "resumesFailed", into.resumes_failed);
}

void read_figures(const Json& json, GatewayState& state) {
  read_number(json, "handshakeP99", state.handshake_p99_seconds);
  read_number(json, "acceptPerSecond", state.accepted_per_second);
  read_number(json, "sessionCost", state.session_cost);
  read_count(json, "opened", state.opened);
  read_totals(object_at(json, "totals"), state.totals);
  const Json& limits = object_at(json, "limits");
  read_count(limits, "descriptors", state.limits.descriptors);
  read_count(limits, "somaxconn", state.limits.backlog);
  read_count(limits, "conntrackMax", state.limits.conntrack);
  read_count(limits, "memoryBytes", state.limits.memory_bytes);
  read_number(json, "bytesPerConnection", state.limits.bytes_per_connection);
  state.ends_at = time_at(object_at(json, "terminating"), "deadline");
  if (const auto shed = json.find("shed"); shed != json.end() && shed->is_object()) {
    GatewayShed& read = state.shed.emplace();
    if (const auto id = shed->find("id"); id != shed->end() && id->is_string()) read.id = id->get<std::string>();
    read_count(*shed, "initial", read.initial);
    read_count(*shed, "remaining", read.remaining);
    read_number(*shed, "rate", read.rate);
  }
}

}  // namespace

GatewayTotals& GatewayTotals::operator+=(const GatewayTotals& other) {
  handshakes_ok += other.handshakes_ok;
  handshakes_failed += other.handshakes_failed;
  closes_clean += other.closes_clean;
  closes_abnormal += other.closes_abnormal;
  resumes_ok += other.resumes_ok;
  resumes_failed += other.resumes_failed;
  return *this;
}

GatewayTotals& GatewayTotals::operator-=(const GatewayTotals& other) {
  handshakes_ok -= other.handshakes_ok;
  handshakes_failed -= other.handshakes_failed;
  closes_clean -= other.closes_clean;
  closes_abnormal -= other.closes_abnormal;
  resumes_ok -= other.resumes_ok;
  resumes_failed -= other.resumes_failed;
  return *this;
}

Result<GatewayState> parse_gateway_state(std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return unreadable("no JSON object");
  const auto connections = json.find("connections");
  if (connections == json.end() || !connections->is_object()) return unreadable("connections is absent");
  const auto total = count_at(*connections, "total");
  if (!total) return unreadable("connections.total is no count");

  GatewayState state;
  state.connections = *total;
  read_figures(json, state);
  const auto drain = json.find("drain");
  if (drain == json.end() || drain->is_null()) return state;
  if (!drain->is_object()) return unreadable("drain is no object");
  Result<GatewayDrain> parsed = parse_drain(*drain);
  if (!parsed) return parsed.error();
  state.drain = std::move(*parsed);
  return state;
}

}  // namespace sluice::op
