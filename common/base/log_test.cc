#include "common/base/log.h"

#include <doctest/doctest.h>

namespace sluice {

TEST_CASE("format_fields quotes what a line could not be split by") {
  CHECK(format_fields({}).empty());
  CHECK(format_fields({{"pod", "edge-7f2k"}, {"initial", 812}, {"draining", true}}) ==
        "pod=edge-7f2k initial=812 draining=true");
  CHECK(format_fields({{"reason", "scale down"}}) == "reason=\"scale down\"");
  CHECK(format_fields({{"empty", ""}}) == "empty=\"\"");
  CHECK(format_fields({{"text", "a\"b\\c\nd\x01"}}) == "text=\"a\\\"b\\\\c\\nd\\x01\"");
  CHECK(format_fields({{"took", std::chrono::milliseconds(15)}}) == "took=15ms");
}

TEST_CASE("parse_log_level knows four names and nothing else") {
  LogLevel level = LogLevel::kError;
  CHECK(parse_log_level("debug", level));
  CHECK(level == LogLevel::kDebug);
  CHECK(parse_log_level("warn", level));
  CHECK(level == LogLevel::kWarn);
  CHECK_FALSE(parse_log_level("WARN", level));
  CHECK_FALSE(parse_log_level("", level));
  CHECK(level == LogLevel::kWarn);
}

}  // namespace sluice
