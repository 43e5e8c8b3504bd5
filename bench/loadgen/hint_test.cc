#include "bench/loadgen/hint.h"

#include <doctest/doctest.h>

#include <cerrno>

namespace sluice::loadgen {
namespace {

TEST_CASE("hint frames") {
  struct Row {
    const char* name;
    const char* text;
    int after_ms;  // -1: not a hint.
  };
  const Row rows[] = {
      {"as the contract has it", R"({"reconnect":{"after_ms":1234,"reason":"drain","resume":""}})", 1234},
      {"the least it can say", R"({"reconnect":{"after_ms":0}})", 0},
      {"fields of a later version are ignored", R"({"reconnect":{"after_ms":7,"target":"x"},"v":2})", 7},
      {"longer than an hour", R"({"reconnect":{"after_ms":99999999999}})", 3'600'000},
      {"negative", R"({"reconnect":{"after_ms":-1}})", -1},
      {"a string", R"({"reconnect":{"after_ms":"5"}})", -1},
      {"no time", R"({"reconnect":{"reason":"drain"}})", -1},
      {"no object", R"({"reconnect":5})", -1},
      {"cut off", R"({"reconnect":{"after_ms":12)", -1},
      {"an echo", "00000001000000020000000000000003", -1},
      {"empty", "", -1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto hint = parse_hint(row.text);
    REQUIRE(hint.has_value() == (row.after_ms >= 0));
    if (hint) CHECK(hint->after.count() == row.after_ms);
  }
  CHECK(parse_hint(rows[0].text)->reason == "drain");
}

TEST_CASE("close reasons") {
  CHECK(parse_close_reason("reconnect-after-ms=1500") == Duration(1500));
  CHECK(parse_close_reason("reconnect-after-ms=0") == Duration(0));
  for (const char* text : {"", "drain", "reconnect-after-ms=", "reconnect-after-ms=-1", "reconnect-after-ms=5s",
                           "x reconnect-after-ms=5"}) {
    CAPTURE(text);
    CHECK(!parse_close_reason(text));
  }
}

TEST_CASE("what an end counts as") {
  struct Row {
    const char* name;
    End end;
    bool hinted, closing;
    EndClass end_class;
    const char* label;
  };
  const auto close = [](int code, const char* reason = "") { return End{End::Kind::kCloseFrame, code, reason}; };
  const Row rows[] = {
      {"own 1000 answered", close(1000), false, true, EndClass::kOwn, ""},
      {"own 1000 after a hint", close(1000), true, true, EndClass::kOwn, ""},
      {"the server's own 1000", close(1000), false, false, EndClass::kAbnormal, "close 1000"},
      {"1012 after a hint frame", close(1012), true, false, EndClass::kHinted, ""},
      {"1012 that carries the hint", close(1012, "reconnect-after-ms=9"), false, false, EndClass::kHinted, ""},
      {"1012 out of the blue", close(1012), false, false, EndClass::kAbnormal, "close 1012 without a hint"},
      {"hinted 1012 crossing our 1000", close(1012), true, true, EndClass::kHinted, ""},
      {"1001 crossing our 1000", close(1001), true, true, EndClass::kAbnormal, "close 1001"},
      {"1013 with a hint", close(1013), true, false, EndClass::kAbnormal, "close 1013"},
      {"no code", close(1005), false, false, EndClass::kAbnormal, "close 1005"},
      {"cut", {End::Kind::kEof, 0, ""}, true, false, EndClass::kAbnormal, "eof"},
      {"cut while closing", {End::Kind::kEof, 0, ""}, false, true, EndClass::kAbnormal, "eof instead of a close frame"},
      {"reset", {End::Kind::kSocketError, ECONNRESET, ""}, true, true, EndClass::kAbnormal, "errno ECONNRESET"},
      {"an unknown errno", {End::Kind::kSocketError, 9999, ""}, false, false, EndClass::kAbnormal, "errno 9999"},
      {"bad framing",
       {End::Kind::kProtocol, 0, "masked frame"},
       false,
       false,
       EndClass::kAbnormal,
       "protocol: masked frame"},
      {"no answer", {End::Kind::kTimeout, 0, ""}, false, true, EndClass::kAbnormal, "own close unanswered"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const EndVerdict verdict = classify(row.end, row.hinted, row.closing);
    CHECK(verdict.end_class == row.end_class);
    CHECK(verdict.label == row.label);
  }
}

}  // namespace
}  // namespace sluice::loadgen
