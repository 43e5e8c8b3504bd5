#include "bench/loadgen/tally.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace sluice::loadgen {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kLabelsMax = 64;

double milliseconds(std::chrono::microseconds value) {
  return static_cast<double>(value.count()) / 1000.0;
}

Json latency_json(const LatencyHistogram& histogram) {
  return {{"count", histogram.count()},
          {"p50", milliseconds(histogram.percentile(0.50))},
          {"p99", milliseconds(histogram.percentile(0.99))},
          {"max", milliseconds(histogram.max())}};
}

Json latencies_json(Latency& latency) {
  Json json = {{"second", latency_json(latency.second)}, {"total", latency_json(latency.total)}};
  latency.second.clear();
  return json;
}

Json labels_json(const Labels& labels) {
  return {{"total", labels.total()}, {"kinds", labels.counts()}};
}

}  // namespace

void Labels::add(const std::string& label, std::uint64_t by) {
  total_ += by;
  const auto known = counts_.find(label);
  if (known != counts_.end()) {
    known->second += by;
  } else {
    counts_[counts_.size() < kLabelsMax ? label : "other"] += by;
  }
}

void Tally::count_end(const EndVerdict& verdict, bool deaf) {
  switch (verdict.end_class) {
    case EndClass::kOwn:
      ++ended_own;
      break;
    case EndClass::kHinted:
      ++ended_hinted;
      if (deaf) ++ended_hinted_deaf;
      break;
    case EndClass::kAbnormal:
      abnormal.add(verdict.label);
      break;
  }
}

nlohmann::ordered_json report(Tally& tally, const Gauges& gauges) {
  return {
      {"t", std::round(gauges.elapsed_seconds * 1000) / 1000},
      {"target", gauges.target},
      {"clients", gauges.clients},
      {"connected", gauges.connected},
      {"connecting", gauges.connecting},
      {"retiring", gauges.retiring},
      {"echoes",
       {{"sent", tally.echoes.sent},
        {"received", tally.echoes.received},
        {"outstanding", gauges.outstanding},
        {"lost", tally.echoes.lost},
        {"lost_deaf", tally.echoes.lost_deaf},
        {"duplicate", tally.echoes.duplicate},
        {"reordered", tally.echoes.reordered},
        {"corrupt", tally.echoes.corrupt}}},
      {"latency_ms", latencies_json(tally.echo_latency)},
      {"ends",
       {{"own_1000", tally.ended_own},
        {"hinted_1012", tally.ended_hinted},
        {"hinted_1012_deaf", tally.ended_hinted_deaf},
        {"abnormal", labels_json(tally.abnormal)}}},
      {"connects",
       {{"opened", tally.opened},
        {"reconnects", tally.reconnects},
        {"overlaps", tally.overlaps},
        {"refused", labels_json(tally.refused)}}},
      {"hints", tally.hints},
      {"retire_timeouts", tally.retire_timeouts},
      {"left_open", tally.left_open},
      {"pings", {{"sent", tally.pings_sent}, {"answered", tally.pongs_received}, {"received", tally.pings_answered}}},
      {"tasks",
       {{"clients", gauges.task_clients},
        {"sent", tally.tasks.sent},
        {"answered", tally.tasks.answered},
        {"outstanding", gauges.task_outstanding},
        {"refused", tally.tasks.refused},
        {"wrong", tally.tasks.wrong},
        {"lost", tally.tasks.lost},
        {"latency_ms", latencies_json(tally.task_latency)}}}};
}

}  // namespace sluice::loadgen
