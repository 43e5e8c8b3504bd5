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

}  // namespace

Result<GatewayState> parse_gateway_state(std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return unreadable("no JSON object");
  const auto connections = json.find("connections");
  if (connections == json.end() || !connections->is_object()) return unreadable("connections is absent");
  const auto total = count_at(*connections, "total");
  if (!total) return unreadable("connections.total is no count");

  GatewayState state{.connections = *total, .drain = std::nullopt};
  const auto drain = json.find("drain");
  if (drain == json.end() || drain->is_null()) return state;
  if (!drain->is_object()) return unreadable("drain is no object");
  Result<GatewayDrain> parsed = parse_drain(*drain);
  if (!parsed) return parsed.error();
  state.drain = std::move(*parsed);
  return state;
}

}  // namespace sluice::op
