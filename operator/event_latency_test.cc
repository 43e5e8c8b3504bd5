#include "operator/event_latency.h"

#include <doctest/doctest.h>

namespace sluice::op {
namespace {

/// The value of one series of the histogram, as it is scraped; -1 where it is not there.
double scraped(const MetricsRegistry& metrics, const std::string& series) {
  const std::string text = "\n" + metrics.text();
  const std::string line = "\nsluice_operator_event_latency_seconds_" + series + " ";
  const std::size_t at = text.find(line);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + line.size()));
}

}  // namespace

TEST_CASE("of the events that one reconcile answers the first counts") {
  ManualClock clock;
  MetricsRegistry metrics;
  EventLatency latency(clock, metrics);
  CHECK(scraped(metrics, "count") == 0);
  latency.heard("live/edge");
  clock.advance(3ms);
  latency.heard("live/edge");
  clock.advance(2ms);
  latency.begun("live/edge");
  CHECK(scraped(metrics, "count") == 1);
  CHECK(scraped(metrics, "sum") == doctest::Approx(0.005));
  latency.heard("live/edge");
  latency.heard("live/other");
  clock.advance(1ms);
  latency.begun("live/edge");
  CHECK(scraped(metrics, "count") == 2);
  CHECK(scraped(metrics, "sum") == doctest::Approx(0.006));
}

TEST_CASE("a reconcile that no event asked for is not measured") {
  ManualClock clock;
  MetricsRegistry metrics;
  EventLatency latency(clock, metrics);
  latency.begun("live/edge");
  CHECK(scraped(metrics, "count") == 0);
}

TEST_CASE("what was heard before the lease was won is not measured") {
  ManualClock clock;
  MetricsRegistry metrics;
  EventLatency latency(clock, metrics);
  latency.heard("live/edge");
  clock.advance(60s);
  latency.restart();
  latency.begun("live/edge");
  CHECK(scraped(metrics, "count") == 0);
}

}  // namespace sluice::op
