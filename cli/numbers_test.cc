#include "cli/numbers.h"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

TEST_CASE("figures for a person") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(-1'234'567) == "-1,234,567");
  CHECK(short_count(812) == "812");
  CHECK(short_count(999.6) == "1k");
  CHECK(short_count(9'800) == "9.8k");
  CHECK(short_count(481'233) == "481k");
  CHECK(short_count(999'700) == "1M");
  CHECK(short_count(1'234'567) == "1.2M");
  CHECK(short_count(0.0 / 0.0) == "?");
  CHECK(rate_text(0) == "0/s");
  CHECK(rate_text(1.23) == "1.2/s");
  CHECK(rate_text(200) == "200/s");
  CHECK(rate_text(9'800) == "9.8k/s");
  CHECK(bytes_text(0) == "0");
  CHECK(bytes_text(512 << 20) == "512Mi");
  CHECK(bytes_text(1.5 * (1 << 30)) == "1.5Gi");
}

TEST_CASE("durations as kubectl writes ages") {
  struct Case {
    Duration time;
    const char* text;
  };
  const Case rows[] = {{-5s, "0s"},    {45s, "45s"},     {119s, "119s"},  {120s, "2m"},        {129s, "2m9s"},
                       {47min, "47m"}, {179min, "179m"}, {180min, "3h"},  {5h + 3min, "5h3m"}, {9h, "9h"},
                       {47h, "47h"},   {76h, "3d4h"},    {24h * 9, "9d"}, {24h * 729, "729d"}, {24h * 730, "2y"}};
  for (const Case& row : rows) CHECK(human_duration(row.time) == row.text);
  const WallTime noon{std::chrono::seconds(1'795'435'200)};
  CHECK(age_of("2026-11-23T11:59:15Z", noon) == "45s");
  CHECK(age_of("", noon) == "<unknown>");
}

TEST_CASE("whole numbers and nothing else") {
  CHECK(whole_number("12", 100) == 12);
  CHECK(whole_number("0", 100) == 0);
  for (const char* text : {"", "-1", "101", "1.5", "x", "1 ", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(whole_number(text, 100));
  }
}

}  // namespace
}  // namespace sluice::cli
