#include "common/base/duration_text.h"

#include <doctest/doctest.h>

namespace sluice {

TEST_CASE("parse_duration reads Go's notation") {
  struct Row {
    const char* text;
    std::optional<Duration> expected;
  };
  const Row rows[] = {{"15s", 15s},
                      {"1m30s", 90s},
                      {"250ms", 250ms},
                      {"1.5h", 90min},
                      {"0", 0ms},
                      {"0s", 0ms},
                      {"1h2m3s4ms", 3'723'004ms},
                      {"1500us", 1ms},
                      {".5s", 500ms},
                      {"0.3s", 300ms},
                      {"", std::nullopt},
                      {"15", std::nullopt},
                      {"s", std::nullopt},
                      {"-1s", std::nullopt},
                      {"1 s", std::nullopt},
                      {"1d", std::nullopt},
                      {"1s2", std::nullopt},
                      {"infs", std::nullopt},
                      {"nans", std::nullopt},
                      {"1e3s", std::nullopt},
                      {"99999999h", std::nullopt}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == row.expected);
  }
}

TEST_CASE("format_duration writes as Go does and parse_duration reads it back") {
  CHECK(format_duration(0ms) == "0s");
  CHECK(format_duration(129s) == "2m9s");
  CHECK(format_duration(1h) == "1h0m0s");
  CHECK(format_duration(1500ms) == "1.5s");
  CHECK(format_duration(250ms) == "250ms");
  CHECK(format_duration(-2s) == "-2s");
  for (const Duration value : {1ms, 999ms, 1001ms, 59'999ms, 3'600'050ms, 86'400'000ms}) {
    CAPTURE(value.count());
    CHECK(parse_duration(format_duration(value)) == value);
  }
}

TEST_CASE("RFC 3339 times go there and back") {
  const auto time = parse_rfc3339("2026-11-23T09:30:00.123Z");
  REQUIRE(time);
  CHECK(format_rfc3339(*time) == "2026-11-23T09:30:00Z");
  CHECK(format_rfc3339_micro(*time) == "2026-11-23T09:30:00.123000Z");
  CHECK(parse_rfc3339("2026-11-23T10:30:00.123456+01:00") == time);
  CHECK(parse_rfc3339("1970-01-01T00:00:00Z") == WallTime(Duration(0)));
  for (const char* bad :
       {"", "2026-11-23", "2026-11-23T09:30:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z",
        "2026-11-23T09:30:00.Z", "2026-11-23T09:30:00Zx", "2026-11-23 09:30:00Z", "-026-11-23T09:30:00Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}

}  // namespace sluice
