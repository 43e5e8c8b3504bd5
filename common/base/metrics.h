// Prometheus metrics. This is the only door to prometheus-cpp, whose headers stay in metrics.cc.
// A metric exists from the moment it is made, at 0: an alert on a rate must not wait for the first failure.
// Handles are cheap to copy and good until their series is removed, or else as long as the registry. Threads: any;
// counters and gauges are atomic.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

/// Label pairs of one series, in any order: {{"result", "ok"}}.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(double by = 1.0) const;  ///< `by` >= 0.
  [[nodiscard]] double value() const;

 private:
  friend class MetricsRegistry;
  explicit Counter(void* impl) : impl_(impl) {}
  void* impl_;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double by) const;  ///< May be negative.
  [[nodiscard]] double value() const;

 private:
  friend class MetricsRegistry;
  explicit Gauge(void* impl) : impl_(impl) {}
  void* impl_;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class MetricsRegistry;
  explicit Histogram(void* impl) : impl_(impl) {}
  void* impl_;
};

/// One sample that a collector answers at scrape time.
struct MetricSample {
  MetricLabels labels;
  double value = 0;
};

/// A histogram that a collector answers at scrape time. `counts[i]` is the number of observations <= bounds[i] and >
/// bounds[i-1] (not cumulative); the last entry, one past the bounds, is the rest.
struct HistogramSample {
  MetricLabels labels;
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts;
  double sum = 0;
};

enum class MetricType { kCounter, kGauge };

class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  /// The series of `name` with `labels`; made on the first call, the same one after it.
  /// A name keeps the type and help of its first call.
  Counter counter(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  /// `bounds` are upper bounds in ascending order, +Inf implied.
  Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                      const MetricLabels& labels = {});
  /// Forgets one series, so that an object that is gone does not report its last value for ever. Its handles must not
  /// be used any more: whoever removes it is the last one who had one.
  void remove(const std::string& name, const MetricLabels& labels);

  /// Values that are kept elsewhere (per-core counters) and summed when scraped. `collect` runs on the scraping thread
  /// and must be safe there; it lives until the registry dies.
  void add_collector(std::string name, std::string help, MetricType type,
                     std::function<std::vector<MetricSample>()> collect);
  void add_histogram_collector(std::string name, std::string help,
                               std::function<std::vector<HistogramSample>()> collect);

  /// Everything in the Prometheus text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The Content-Type that goes with text().
inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace sluice
