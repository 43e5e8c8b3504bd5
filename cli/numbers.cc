#include "cli/numbers.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "common/base/duration_text.h"

namespace sluice::cli {
namespace {

/// One place after the point where it says something: 9.8, but 10 and 481.
std::string three_figures(double value) {
  const double tenths = std::round(value * 10) / 10;
  char text[32];
  const bool whole = value >= 10 || tenths == std::floor(tenths);
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.1f", whole ? std::round(value) : tenths);
  return text;
}

std::string pair(std::int64_t a, const char* unit_a, std::int64_t b, const char* unit_b) {
  std::string text = std::to_string(a) + unit_a;
  if (b > 0) text += std::to_string(b) + unit_b;
  return text;
}

}  // namespace

std::string grouped(std::int64_t count) {
  const std::string digits = std::to_string(count);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool after_digit = i > 0 && digits[i - 1] != '-';
    if (after_digit && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string short_count(double count) {
  if (!std::isfinite(count)) return "?";
  if (std::round(count) < 1000) return std::to_string(std::llround(count));
  for (const char* unit : {"k", "M", "G"}) {
    count /= 1000;
    if (count < 999.5) return three_figures(count) + unit;
  }
  return three_figures(count) + "G";
}

std::string human_duration(Duration time) {
  const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(time).count();
  if (seconds < 0) return "0s";
  if (seconds < 120) return std::to_string(seconds) + "s";
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return std::to_string(minutes) + "m";
  const std::int64_t hours = minutes / 60;
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return std::to_string(hours) + "h";
  const std::int64_t days = hours / 24;
  if (days < 8) return pair(days, "d", hours % 24, "h");
  if (days < 365 * 2) return std::to_string(days) + "d";
  if (days < 365 * 8) return pair(days / 365, "y", days % 365, "d");
  return std::to_string(days / 365) + "y";
}

std::string age_of(std::string_view rfc3339, WallTime now) {
  const auto time = parse_rfc3339(rfc3339);
  return time ? human_duration(now - *time) : "<unknown>";
}

std::string rate_text(double per_second) {
  if (per_second > 0 && per_second < 1000) return three_figures(per_second) + "/s";
  return short_count(per_second) + "/s";
}

std::string bytes_text(double bytes) {
  if (!std::isfinite(bytes) || bytes < 0) return "?";
  if (bytes == 0) return "0";
  double value = bytes / 1024;
  for (const char* unit : {"Ki", "Mi", "Gi"}) {
    if (value < 1024) return three_figures(value) + unit;
    value /= 1024;
  }
  return three_figures(value) + "Ti";
}

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t most) {
  std::int64_t value = -1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

}  // namespace sluice::cli
