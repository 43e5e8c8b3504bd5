// How long an event waits for the reconcile that answers it: from an informer's handler to the start of that reconcile.
// Of several events that one reconcile answers the first counts, so that joining events hides nothing.
// workqueue_queue_duration_seconds says the same by powers of ten only, and of all keys: polls and retries too.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/metrics.h"

namespace sluice::op {

/// The histogram `sluice_operator_event_latency_seconds`. Threads: any.
class EventLatency {
 public:
  /// Both outlive this.
  EventLatency(const Clock& clock, MetricsRegistry& metrics);

  /// An object of the RealtimeGateway `key` has changed.
  void heard(std::string_view key);
  /// A reconcile of it begins, for whatever reason.
  void begun(std::string_view key);
  /// What was heard before we began to act has waited for the lease, not for us.
  void restart();

 private:
  const Clock& clock_;
  Histogram seconds_;
  std::mutex mutex_;
  std::map<std::string, SteadyTime, std::less<>> since_;  ///< By key: since when an event waits. As many as the queue.
};

}  // namespace sluice::op
