#include "operator/drain_record.h"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using Json = nlohmann::json;

/// Connections/s; above whatever the schema lets a budget be.
constexpr double kRateUnknown = 1e9;

constexpr std::array<std::pair<std::string_view, DrainReason>, 7> kReasons{{{"ScaleDown", DrainReason::kScaleDown},
                                                                            {"Rollout", DrainReason::kRollout},
                                                                            {"NodeDrain", DrainReason::kNodeDrain},
                                                                            {"Eviction", DrainReason::kEviction},
                                                                            {"Requested", DrainReason::kRequested},
                                                                            {"Offline", DrainReason::kOffline},
                                                                            {"Delete", DrainReason::kDelete}}};

std::string text_in(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

const char* to_string(DrainReason reason) {
  for (const auto& [word, meaning] : kReasons) {
    if (meaning == reason) return word.data();  // Literals: they end with a zero.
  }
  return "";
}

std::optional<DrainReason> parse_drain_reason(std::string_view text) {
  for (const auto& [word, meaning] : kReasons) {
    if (text == word) return meaning;
  }
  return std::nullopt;
}

std::string encode_drain_record(const DrainRecord& record) {
  Json json{{"reason", to_string(record.reason)},
            {"startedAt", format_rfc3339_micro(record.started_at)},
            {"deadline", format_rfc3339_micro(record.deadline)}};
  if (record.frozen_at) json["frozenAt"] = format_rfc3339_micro(*record.frozen_at);
  return json.dump();
}

std::string encode_drain_rate(double per_second) {
  return Json(std::ceil(per_second * 1000) / 1000).dump();
}

double decode_drain_rate(std::string_view text) {
  if (text.empty()) return 0;
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(rate) && rate >= 0 ? rate : kRateUnknown;
}

std::optional<DrainRecord> decode_drain_record(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto reason = parse_drain_reason(text_in(json, "reason"));
  const auto started_at = parse_rfc3339(text_in(json, "startedAt"));
  const auto deadline = parse_rfc3339(text_in(json, "deadline"));
  if (!reason || !started_at || !deadline) return std::nullopt;
  return DrainRecord{*reason, *started_at, *deadline, parse_rfc3339(text_in(json, "frozenAt"))};
}

}  // namespace sluice::op
