#include "common/base/metrics.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a metric is there at 0 before anything happened") {
  MetricsRegistry registry;
  registry.counter("sluice_failures_total", "Failures.", {{"result", "error"}});
  CHECK(has_line(registry.text(), "sluice_failures_total{result=\"error\"} 0"));
}

TEST_CASE("the same name and labels are the same series") {
  MetricsRegistry registry;
  registry.counter("a_total", "A.").add(2);
  registry.counter("a_total", "A.").add();
  CHECK(registry.counter("a_total", "A.").value() == 3);
  const Gauge gauge = registry.gauge("b", "B.", {{"x", "1"}});
  gauge.set(5);
  gauge.add(-2);
  CHECK(has_line(registry.text(), "b{x=\"1\"} 3"));
}

TEST_CASE("remove forgets one series and leaves the others") {
  MetricsRegistry registry;
  registry.gauge("pods", "Pods.", {{"name", "a"}}).set(1);
  registry.gauge("pods", "Pods.", {{"name", "b"}}).set(2);
  registry.remove("pods", {{"name", "a"}});
  registry.remove("pods", {{"name", "never made"}});
  registry.remove("unknown", {});
  const std::string text = registry.text();
  CHECK_FALSE(has_line(text, "pods{name=\"a\"} 1"));
  CHECK(has_line(text, "pods{name=\"b\"} 2"));
  CHECK(text.find("never made") == std::string::npos);
}

TEST_CASE("remove forgets series of every type, and a series made anew begins at 0") {
  MetricsRegistry registry;
  const auto make_all = [&registry] {
    registry.counter("c_total", "C.", {{"name", "a"}}).add();
    registry.gauge("g", "G.", {{"name", "a"}}).add(1);
    registry.histogram("h", "H.", {1, 2}, {{"name", "a"}}).observe(1.5);
  };
  make_all();
  for (const char* name : {"c_total", "g", "h"}) registry.remove(name, {{"name", "a"}});
  CHECK(registry.text().find("name=\"a\"") == std::string::npos);
  make_all();
  CHECK(has_line(registry.text(), "c_total{name=\"a\"} 1"));
  CHECK(has_line(registry.text(), "g{name=\"a\"} 1"));
  CHECK(has_line(registry.text(), "h_count{name=\"a\"} 1"));
  CHECK(has_line(registry.text(), "h_bucket{name=\"a\",le=\"1\"} 0"));
  CHECK(has_line(registry.text(), "h_bucket{name=\"a\",le=\"2\"} 1"));
}

TEST_CASE("collectors are asked when the text is made") {
  MetricsRegistry registry;
  double now = 1;
  registry.add_collector("live", "Live.", MetricType::kGauge, [&] { return std::vector<MetricSample>{{{}, now}}; });
  CHECK(has_line(registry.text(), "live 1"));
  now = 7;
  CHECK(has_line(registry.text(), "live 7"));
}

TEST_CASE("histogram collectors answer cumulative buckets") {
  MetricsRegistry registry;
  registry.add_histogram_collector("seconds", "S.", [] {
    return std::vector<HistogramSample>{{.labels = {}, .bounds = {0.1, 1}, .counts = {2, 3, 4}, .sum = 9.5}};
  });
  const std::string text = registry.text();
  CHECK(has_line(text, "seconds_bucket{le=\"0.1\"} 2"));
  CHECK(has_line(text, "seconds_bucket{le=\"1\"} 5"));
  CHECK(has_line(text, "seconds_bucket{le=\"+Inf\"} 9"));
  CHECK(has_line(text, "seconds_count 9"));
  CHECK(has_line(text, "seconds_sum 9.5"));
}

TEST_CASE("histogram observes into its bounds") {
  MetricsRegistry registry;
  const Histogram histogram = registry.histogram("h", "H.", {1, 2});
  histogram.observe(0.5);
  histogram.observe(1.5);
  histogram.observe(99);
  CHECK(has_line(registry.text(), "h_bucket{le=\"2\"} 2"));
  CHECK(has_line(registry.text(), "h_count 3"));
}

}  // namespace sluice
