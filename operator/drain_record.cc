#include "operator/drain_record.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using Json = nlohmann::json;

/// Connections/s; above whatever the schema lets a budget be.
constexpr double kRateUnknown = 1e9;

std::string text_in(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

const char* to_string(DrainReason reason) {
  switch (reason) {
    case DrainReason::kScaleDown:
      return "ScaleDown";
    case DrainReason::kRollout:
      return "Rollout";
    case DrainReason::kDelete:
      return "Delete";
  }
  return "";
}

std::optional<DrainReason> parse_drain_reason(std::string_view text) {
  for (const DrainReason reason : {DrainReason::kScaleDown, DrainReason::kRollout, DrainReason::kDelete}) {
    if (text == to_string(reason)) return reason;
  }
  return std::nullopt;
}

std::string encode_drain_record(const DrainRecord& record) {
  return Json{{"reason", to_string(record.reason)},
              {"startedAt", format_rfc3339_micro(record.started_at)},
              {"deadline", format_rfc3339_micro(record.deadline)}}
      .dump();
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
  return DrainRecord{*reason, *started_at, *deadline};
}

}  // namespace sluice::op
