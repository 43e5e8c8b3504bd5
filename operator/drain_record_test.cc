#include "operator/drain_record.h"

#include <doctest/doctest.h>

namespace sluice::op {

TEST_CASE("a drain record survives its annotation to the millisecond") {
  const WallTime start{std::chrono::milliseconds(1'795'425'000'123)};
  for (const DrainReason reason : {DrainReason::kScaleDown, DrainReason::kRollout, DrainReason::kDelete}) {
    const DrainRecord record{reason, start, start + 30min};
    const auto read = decode_drain_record(encode_drain_record(record));
    REQUIRE(read);
    CHECK(*read == record);
  }
}

TEST_CASE("a record that somebody has edited is not guessed at") {
  struct Row {
    const char* name;
    const char* text;
  };
  const Row rows[] = {
      {"empty", ""},
      {"not JSON", "yes please"},
      {"a list", "[]"},
      {"no deadline", R"({"reason":"ScaleDown","startedAt":"2026-11-23T09:30:00Z"})"},
      {"unknown reason",
       R"({"reason":"Boredom","startedAt":"2026-11-23T09:30:00Z","deadline":"2026-11-23T09:31:00Z"})"},
      {"a time that is none", R"({"reason":"ScaleDown","startedAt":"soon","deadline":"2026-11-23T09:31:00Z"})"},
      {"a time that is a number", R"({"reason":"ScaleDown","startedAt":5,"deadline":"2026-11-23T09:31:00Z"})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(decode_drain_record(row.text));
  }
}

TEST_CASE("a granted rate is recorded as no less than it is, and what is no rate is more than any") {
  CHECK(encode_drain_rate(200) == "200.0");
  CHECK(encode_drain_rate(100.0 / 3) == "33.334");
  CHECK(decode_drain_rate(encode_drain_rate(100.0 / 3)) >= 100.0 / 3);
  CHECK(decode_drain_rate("") == 0);
  CHECK(decode_drain_rate("66.5") == 66.5);
  for (const char* text : {"fast", "5/s", "-1", "nan", "inf", " 5"}) CHECK(decode_drain_rate(text) >= 1e9);
}

TEST_CASE("whole seconds as a person writes them are read too") {
  const auto read = decode_drain_record(
      R"({"reason":"ScaleDown","startedAt":"2026-11-23T09:30:00Z","deadline":"2026-11-23T10:30:00+01:00"})");
  REQUIRE(read);
  CHECK(read->started_at == read->deadline);
}

}  // namespace sluice::op
