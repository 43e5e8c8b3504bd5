#include "bench/loadgen/tally.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::loadgen {
namespace {

TEST_CASE("labels are counted and bounded") {
  Labels labels;
  for (int i = 0; i < 100; ++i) labels.add("close " + std::to_string(i));
  labels.add("close 0", 4);
  CHECK(labels.total() == 104);
  CHECK(labels.counts().size() == 65);
  CHECK(labels.counts().at("close 0") == 5);
  CHECK(labels.counts().at("other") == 36);
}

TEST_CASE("ends are counted by class") {
  Tally tally;
  tally.count_end({EndClass::kOwn, ""}, true);
  tally.count_end({EndClass::kHinted, ""}, false);
  tally.count_end({EndClass::kHinted, ""}, true);
  tally.count_end({EndClass::kAbnormal, "eof"}, true);
  CHECK(tally.ended_own == 1);
  CHECK(tally.ended_hinted == 2);
  CHECK(tally.ended_hinted_deaf == 1);
  CHECK(tally.abnormal.counts().at("eof") == 1);
}

TEST_CASE("a report carries the counters and forgets the last second") {
  Tally tally;
  tally.echoes.sent = 5;
  tally.echoes.lost = 1;
  tally.abnormal.add("errno ECONNRESET", 2);
  tally.echo_latency.record(std::chrono::microseconds(1500));
  Gauges gauges;
  gauges.elapsed_seconds = 1.23456;
  gauges.connected = 7;
  const auto first = report(tally, gauges);
  CHECK(first["t"] == 1.235);
  CHECK(first["connected"] == 7);
  CHECK(first["echoes"]["sent"] == 5);
  CHECK(first["echoes"]["lost"] == 1);
  CHECK(first["ends"]["abnormal"]["total"] == 2);
  CHECK(first["ends"]["abnormal"]["kinds"]["errno ECONNRESET"] == 2);
  CHECK(first["latency_ms"]["second"]["max"] == 1.5);
  const auto second = report(tally, gauges);
  CHECK(second["latency_ms"]["second"]["count"] == 0);
  CHECK(second["latency_ms"]["total"]["count"] == 1);
}

}  // namespace
}  // namespace sluice::loadgen
