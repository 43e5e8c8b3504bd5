#include "operator/event_latency.h"

namespace sluice::op {
namespace {

/// Seconds. Fine around 5 ms, which the 99th percentile is to keep to; bench/operator's peer has the same.
const std::vector<double> kBuckets = {.0001, .00015, .0002, .0003, .0004, .0005, .0007, .001, .0015,
                                      .002,  .0025,  .003,  .0035, .004,  .0045, .005,  .006, .0075,
                                      .01,   .015,   .02,   .03,   .05,   .1,    .2,    .5,   1};

}  // namespace

EventLatency::EventLatency(const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      seconds_(metrics.histogram("sluice_operator_event_latency_seconds",
                                 "From an event to the start of the reconcile that answers it.", kBuckets)) {}

void EventLatency::heard(std::string_view key) {
  const SteadyTime now = clock_.steady();
  const std::lock_guard lock(mutex_);
  if (since_.find(key) == since_.end()) since_.emplace(key, now);
}

void EventLatency::begun(std::string_view key) {
  const SteadyTime now = clock_.steady();
  SteadyTime since;
  {
    const std::lock_guard lock(mutex_);
    const auto waits = since_.find(key);
    if (waits == since_.end()) return;
    since = waits->second;
    since_.erase(waits);
  }
  seconds_.observe(std::chrono::duration<double>(now - since).count());
}

void EventLatency::restart() {
  const std::lock_guard lock(mutex_);
  since_.clear();
}

}  // namespace sluice::op
