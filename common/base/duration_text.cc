#include "common/base/duration_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace sluice {
namespace {

constexpr double kLongestMs = 100.0 * 366 * 24 * 3600 * 1000;

struct Unit {
  std::string_view name;
  double milliseconds;
};
// Longer names first: "ms" must not be read as "m".
constexpr std::array<Unit, 7> kUnits{
    {{"ms", 1}, {"us", 1e-3}, {"\u00b5s", 1e-3}, {"ns", 1e-6}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}}};

/// Reads `digits` digits at the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || text.front() == '-') return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

/// The fraction behind the seconds in milliseconds; 0 where there is none, nothing where it is malformed.
std::optional<int> take_fraction_ms(std::string_view& text) {
  if (!take(text, ".")) return 0;
  int value = 0;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 3) value = value * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) value *= 10;
  return value;
}

/// "Z" or "+hh:mm" as minutes east of UTC.
std::optional<int> take_offset_minutes(std::string_view& text) {
  if (take(text, "Z") || take(text, "z")) return 0;
  int sign = 1;
  if (take(text, "-")) {
    sign = -1;
  } else if (!take(text, "+")) {
    return std::nullopt;
  }
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ":")) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

struct Calendar {
  int year;
  unsigned month;
  unsigned day;
  long hour;
  long minute;
  long second;
  long micro;
};

Calendar to_calendar(WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<milliseconds> clock(time - day);
  return {int(date.year()),
          unsigned(date.month()),
          unsigned(date.day()),
          clock.hours().count(),
          clock.minutes().count(),
          clock.seconds().count(),
          clock.subseconds().count() * 1000};
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration(0);
  if (text.empty()) return std::nullopt;
  double total_ms = 0;
  while (!text.empty()) {
    if (text.front() == '-' || text.front() == '+') return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (!text.starts_with(candidate.name)) continue;
      unit = &candidate;
      break;
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total_ms += value * unit->milliseconds;
    if (total_ms > kLongestMs) return std::nullopt;
  }
  // A sum of binary fractions may end just below the whole millisecond that was meant.
  return Duration(static_cast<Duration::rep>(std::floor(total_ms + 1e-6)));
}

std::string format_duration(Duration value) {
  if (value.count() == 0) return "0s";
  std::string out = value.count() < 0 ? "-" : "";
  const auto total = static_cast<unsigned long long>(value.count() < 0 ? -value.count() : value.count());
  if (total < 1000) return out + std::to_string(total) + "ms";
  const auto hours = total / 3'600'000;
  const auto minutes = total / 60'000 % 60;
  if (hours > 0) out += std::to_string(hours) + "h";
  if (hours > 0 || minutes > 0) out += std::to_string(minutes) + "m";
  out += std::to_string(total / 1000 % 60);
  if (const auto fraction = total % 1000; fraction > 0) {
    std::array<char, 8> digits{};
    std::snprintf(digits.data(), digits.size(), ".%03llu", fraction);
    std::string text(digits.data());
    text.erase(text.find_last_not_of('0') + 1);
    out += text;
  }
  return out + "s";
}

std::string format_rfc3339(WallTime time) {
  const Calendar c = to_calendar(time);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02ld:%02ld:%02ldZ", c.year, c.month, c.day, c.hour, c.minute,
                c.second);
  return out.data();
}

std::string format_rfc3339_micro(WallTime time) {
  const Calendar c = to_calendar(time);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02ld:%02ld:%02ld.%06ldZ", c.year, c.month, c.day, c.hour,
                c.minute, c.second, c.micro);
  return out.data();
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto year_number = take_digits(text, 4);
  if (!year_number || !take(text, "-")) return std::nullopt;
  const auto month_number = take_digits(text, 2);
  if (!month_number || !take(text, "-")) return std::nullopt;
  const auto day_number = take_digits(text, 2);
  if (!day_number || !(take(text, "T") || take(text, "t"))) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction_ms = take_fraction_ms(text);
  if (!fraction_ms) return std::nullopt;
  const auto offset = take_offset_minutes(text);
  if (!offset || !text.empty()) return std::nullopt;
  const year_month_day date(year(*year_number), month(static_cast<unsigned>(*month_number)),
                            day(static_cast<unsigned>(*day_number)));
  if (!date.ok()) return std::nullopt;
  return WallTime(sys_days(date).time_since_epoch() + hours(*hour) + minutes(*minute - *offset) + seconds(*second) +
                  milliseconds(*fraction_ms));
}

}  // namespace sluice
