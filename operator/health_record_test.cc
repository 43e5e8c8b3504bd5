#include "operator/health_record.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/contract.h"

namespace sluice::op {

TEST_CASE("a health record survives the way to the pod and back") {
  const WallTime noon{std::chrono::seconds(1'795'435'200)};
  const HealthRecord records[] = {
      {.event = HealthEvent::kConnectionLost, .severity = 5, .since = noon, .phase_since = noon + 1ms},
      {.since = noon, .phase = HealthPhase::kPendingRejoin, .phase_since = noon + 90s},
      {.since = noon,
       .phase = HealthPhase::kGrayTraffic,
       .phase_since = noon + 5min,
       .percent = 40,
       .opened = 12'345,
       .ok = 7,
       .failed = 1},
  };
  for (const HealthRecord& record : records) {
    CAPTURE(encode_health_record(record));
    CHECK(decode_health_record(encode_health_record(record)) == record);
  }
}

TEST_CASE("the label that goes with a record is a word of the contract") {
  // What gateways are told of their peers, too: they count each of these by name.
  const auto label_in = [](HealthPhase phase) { return std::string(state_of(HealthRecord{.phase = phase})); };
  CHECK(std::string(state_of(std::nullopt)) == kStateActive);
  CHECK(label_in(HealthPhase::kOffline) == kStateOffline);
  CHECK(label_in(HealthPhase::kPendingRejoin) == kStateOffline);  // Watched, and still without traffic.
  CHECK(label_in(HealthPhase::kGrayTraffic) == kStateGray);
}

TEST_CASE("a record that somebody has edited is none") {
  const std::string good =
      R"({"event":"HeartbeatTimeout","severity":3,"since":"2026-11-23T12:00:00Z","phase":"Offline",)"
      R"("phaseSince":"2026-11-23T12:00:00Z"})";
  REQUIRE(decode_health_record(good));
  const auto with = [&](const char* before, const char* after) {
    std::string text = good;
    return text.replace(text.find(before), std::string(before).size(), after);
  };
  const std::string rows[] = {
      "",
      "[]",
      "no json",
      with("HeartbeatTimeout", "Tired"),
      with(":3", ":0"),
      with(":3", ":6"),
      with(":3", ":\"3\""),
      with("2026-11-23T12:00:00Z\",\"phase\"", "soon\",\"phase\""),
      with("phaseSince", "phaseBegun"),
      with("Offline", "Sleeping"),
      with("Offline", "GrayTraffic"),  // Without its percentage.
  };
  for (const std::string& row : rows) {
    CAPTURE(row);
    CHECK_FALSE(decode_health_record(row));
  }
}

}  // namespace sluice::op
