// Structured logs: a constant message and key=value pairs, one line each, on stderr.
//   log_info("drain started", {{"pod", name}, {"initial", 812}});
//   ts=2026-11-23T09:30:00.123Z level=info msg="drain started" pod=edge-7f2k initial=812
// A value is quoted where it holds anything but [A-Za-z0-9._:/@+-], so a line can always be split again.
// Never pass a secret: tokens, keys and Authorization headers do not belong in a field. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// One key=value pair of a log line.
struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <typename T>
  requires std::is_arithmetic_v<T> LogField(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, std::chrono::milliseconds v) : key(k), value(std::to_string(v.count()) + "ms") {}
};

using LogFields = std::initializer_list<LogField>;

/// Lines below `level` are dropped. Default: info.
void set_log_level(LogLevel level);
/// "debug", "info", "warn" or "error"; false for anything else.
bool parse_log_level(std::string_view text, LogLevel& level);

void log(LogLevel level, std::string_view message, LogFields fields);
inline void log_debug(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kDebug, message, fields);
}
inline void log_info(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kInfo, message, fields);
}
inline void log_warn(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kWarn, message, fields);
}
inline void log_error(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kError, message, fields);
}

/// The fields as they stand in a line: `pod=edge-7f2k reason="scale down"`. Exposed for its test.
std::string format_fields(LogFields fields);

}  // namespace sluice
