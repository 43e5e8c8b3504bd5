#include "common/base/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>

namespace sluice {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

prometheus::Labels to_prometheus(const MetricLabels& labels) {
  return {labels.begin(), labels.end()};
}

void add_labels(ClientMetric& metric, const MetricLabels& labels) {
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
}

ClientMetric to_client_metric(const MetricSample& sample, MetricType type) {
  ClientMetric metric;
  add_labels(metric, sample.labels);
  if (type == MetricType::kCounter) {
    metric.counter.value = sample.value;
  } else {
    metric.gauge.value = sample.value;
  }
  return metric;
}

ClientMetric to_client_metric(const HistogramSample& sample) {
  ClientMetric metric;
  add_labels(metric, sample.labels);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < sample.counts.size(); ++i) {
    cumulative += sample.counts[i];
    const bool rest = i >= sample.bounds.size();
    metric.histogram.bucket.push_back({cumulative, rest ? std::numeric_limits<double>::infinity() : sample.bounds[i]});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = sample.sum;
  return metric;
}

/// A metric whose values are asked for when it is scraped.
struct Collector {
  std::string name;
  std::string help;
  prometheus::MetricType type;
  std::function<std::vector<ClientMetric>()> collect;
};

}  // namespace

void Counter::add(double by) const {
  static_cast<prometheus::Counter*>(impl_)->Increment(by);
}
double Counter::value() const {
  return static_cast<prometheus::Counter*>(impl_)->Value();
}
void Gauge::set(double value) const {
  static_cast<prometheus::Gauge*>(impl_)->Set(value);
}
void Gauge::add(double by) const {
  static_cast<prometheus::Gauge*>(impl_)->Increment(by);
}
double Gauge::value() const {
  return static_cast<prometheus::Gauge*>(impl_)->Value();
}
void Histogram::observe(double value) const {
  static_cast<prometheus::Histogram*>(impl_)->Observe(value);
}

struct MetricsRegistry::Impl {
  // Serialises remove() with scraping; prometheus-cpp's families lock themselves for everything else.
  mutable std::mutex mutex;
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;
  std::vector<Collector> collectors;
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter MetricsRegistry::counter(const std::string& name, const std::string& help, const MetricLabels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->counters[name];
  if (family == nullptr) family = &prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(&family->Add(to_prometheus(labels)));
}

Gauge MetricsRegistry::gauge(const std::string& name, const std::string& help, const MetricLabels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->gauges[name];
  if (family == nullptr) family = &prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return Gauge(&family->Add(to_prometheus(labels)));
}

Histogram MetricsRegistry::histogram(const std::string& name, const std::string& help,
                                     const std::vector<double>& bounds, const MetricLabels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->histograms[name];
  if (family == nullptr) family = &prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(&family->Add(to_prometheus(labels), prometheus::Histogram::BucketBoundaries(bounds)));
}

void MetricsRegistry::remove(const std::string& name, const MetricLabels& labels) {
  const std::lock_guard lock(impl_->mutex);
  const auto wanted = to_prometheus(labels);
  // What is added with labels that are there already is the series itself; `bounds` are looked at for a new one only.
  const auto remove_from = [&](const auto& families, const auto&... bounds) {
    const auto it = families.find(name);
    if (it != families.end() && it->second->Has(wanted)) it->second->Remove(&it->second->Add(wanted, bounds...));
  };
  remove_from(impl_->counters);
  remove_from(impl_->gauges);
  remove_from(impl_->histograms, prometheus::Histogram::BucketBoundaries{});
}

void MetricsRegistry::add_collector(std::string name, std::string help, MetricType type,
                                    std::function<std::vector<MetricSample>()> collect) {
  const std::lock_guard lock(impl_->mutex);
  impl_->collectors.push_back(
      {std::move(name), std::move(help),
       type == MetricType::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
       [type, collect = std::move(collect)] {
         std::vector<ClientMetric> metrics;
         for (const MetricSample& sample : collect()) metrics.push_back(to_client_metric(sample, type));
         return metrics;
       }});
}

void MetricsRegistry::add_histogram_collector(std::string name, std::string help,
                                              std::function<std::vector<HistogramSample>()> collect) {
  const std::lock_guard lock(impl_->mutex);
  impl_->collectors.push_back(
      {std::move(name), std::move(help), prometheus::MetricType::Histogram, [collect = std::move(collect)] {
         std::vector<ClientMetric> metrics;
         for (const HistogramSample& sample : collect()) metrics.push_back(to_client_metric(sample));
         return metrics;
       }});
}

std::string MetricsRegistry::text() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<MetricFamily> families = impl_->registry.Collect();
  for (const Collector& collector : impl_->collectors) {
    // Two collectors may have one name (two work queues): the text format wants each name's samples together.
    auto family = std::find_if(families.begin(), families.end(),
                               [&](const MetricFamily& known) { return known.name == collector.name; });
    if (family == families.end()) {
      family = families.insert(families.end(), MetricFamily{collector.name, collector.help, collector.type, {}});
    }
    for (ClientMetric& metric : collector.collect()) family->metric.push_back(std::move(metric));
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace sluice
