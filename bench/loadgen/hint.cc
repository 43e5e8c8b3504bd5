#include "bench/loadgen/hint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

namespace sluice::loadgen {
namespace {

constexpr Duration kAfterMax = 1h;
constexpr int kServiceRestart = 1012;  // IANA's WebSocket close code registry.

}  // namespace

std::optional<Hint> parse_hint(std::string_view text) {
  // Echoes are the common case and must not be parsed as JSON.
  if (!text.starts_with("{\"reconnect\"")) return std::nullopt;
  const auto whole = nlohmann::json::parse(text, nullptr, false);
  if (!whole.is_object()) return std::nullopt;
  const auto hint = whole.value("reconnect", nlohmann::json());
  if (!hint.is_object() || !hint.contains("after_ms") || !hint["after_ms"].is_number_unsigned()) return std::nullopt;
  const auto after = std::min<std::uint64_t>(hint["after_ms"].get<std::uint64_t>(), kAfterMax.count());
  const auto reason = hint.find("reason");
  return Hint{Duration(after), reason != hint.end() && reason->is_string() ? reason->get<std::string>() : ""};
}

std::optional<Duration> parse_close_reason(std::string_view reason) {
  constexpr std::string_view kKey = "reconnect-after-ms=";
  if (!reason.starts_with(kKey)) return std::nullopt;
  const std::string_view digits = reason.substr(kKey.size());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return Duration(std::min<std::uint64_t>(value, kAfterMax.count()));
}

EndVerdict classify(const End& end, bool hinted, bool closing) {
  switch (end.kind) {
    case End::Kind::kCloseFrame: {
      if (closing && end.number == 1000) return {EndClass::kOwn, ""};
      const bool announced = hinted || parse_close_reason(end.text).has_value();
      // Where the gateway's 1012 crosses the client's own 1000 it is what it would have been a moment earlier.
      if (end.number == kServiceRestart && announced) return {EndClass::kHinted, ""};
      const bool restart = end.number == kServiceRestart;
      return {EndClass::kAbnormal, "close " + std::to_string(end.number) + (restart ? " without a hint" : "")};
    }
    case End::Kind::kEof:
      return {EndClass::kAbnormal, closing ? "eof instead of a close frame" : "eof"};
    case End::Kind::kSocketError: {
      const char* name = strerrorname_np(end.number);
      return {EndClass::kAbnormal, "errno " + (name ? std::string(name) : std::to_string(end.number))};
    }
    case End::Kind::kProtocol:
      return {EndClass::kAbnormal, "protocol: " + end.text};
    case End::Kind::kTimeout:
      return {EndClass::kAbnormal, "own close unanswered"};
  }
  return {};
}

}  // namespace sluice::loadgen
