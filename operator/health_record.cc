#include "operator/health_record.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/contract.h"
#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using Json = nlohmann::json;

constexpr int kSeverityMax = 5;

constexpr std::array<std::pair<std::string_view, HealthEvent>, 2> kEvents{
    {{"HeartbeatTimeout", HealthEvent::kHeartbeatTimeout}, {"ConnectionLost", HealthEvent::kConnectionLost}}};
constexpr std::array<std::pair<std::string_view, HealthPhase>, 3> kPhases{
    {{"Offline", HealthPhase::kOffline},
     {"PendingRejoin", HealthPhase::kPendingRejoin},
     {"GrayTraffic", HealthPhase::kGrayTraffic}}};

const char* word_of(const auto& table, auto value) {
  for (const auto& [word, meaning] : table) {
    if (meaning == value) return word.data();  // Literals: they end with a zero.
  }
  return "";
}

auto meaning_of(const auto& table, std::string_view text) {
  std::optional<std::remove_cvref_t<decltype(table[0].second)>> found;
  for (const auto& [word, meaning] : table) {
    if (text == word) found = meaning;
  }
  return found;
}

std::string text_in(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::int64_t count_in(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it != object.end() && it->is_number_integer() ? std::max<std::int64_t>(0, it->get<std::int64_t>()) : 0;
}

}  // namespace

const char* to_string(HealthEvent event) {
  return word_of(kEvents, event);
}

const char* to_string(HealthPhase phase) {
  return word_of(kPhases, phase);
}

const char* state_of(const std::optional<HealthRecord>& record) {
  if (!record) return kStateActive;
  return record->phase == HealthPhase::kGrayTraffic ? kStateGray : kStateOffline;
}

std::string encode_health_record(const HealthRecord& record) {
  Json json{{"event", to_string(record.event)},
            {"severity", record.severity},
            {"since", format_rfc3339_micro(record.since)},
            {"phase", to_string(record.phase)},
            {"phaseSince", format_rfc3339_micro(record.phase_since)}};
  if (record.phase == HealthPhase::kGrayTraffic) {
    json["percent"] = record.percent;
    json["opened"] = record.opened;
    json["handshakesOk"] = record.ok;
    json["handshakesFailed"] = record.failed;
  }
  return json.dump();
}

std::optional<HealthRecord> decode_health_record(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto event = meaning_of(kEvents, text_in(json, "event"));
  const auto phase = meaning_of(kPhases, text_in(json, "phase"));
  const auto since = parse_rfc3339(text_in(json, "since"));
  const auto phase_since = parse_rfc3339(text_in(json, "phaseSince"));
  const auto severity = count_in(json, "severity");
  const auto percent = count_in(json, "percent");
  if (!event || !phase || !since || !phase_since || severity < 1 || severity > kSeverityMax) return std::nullopt;
  if (*phase == HealthPhase::kGrayTraffic && (percent < 1 || percent > 100)) return std::nullopt;
  return HealthRecord{.event = *event,
                      .severity = static_cast<int>(severity),
                      .since = *since,
                      .phase = *phase,
                      .phase_since = *phase_since,
                      .percent = static_cast<int>(percent),
                      .opened = count_in(json, "opened"),
                      .ok = count_in(json, "handshakesOk"),
                      .failed = count_in(json, "handshakesFailed")};
}

}  // namespace sluice::op
