// Calls to the API server, counted and timed as client-go and controller-runtime do it.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/mutex.h"

namespace sluice::kube {

/// Threads: any.
class RequestMetrics {
 public:
  /// `metrics` may be null; `server` is the URL whose host and port are the label `host`.
  RequestMetrics(MetricsRegistry* metrics, const std::string& server);

  /// rest_client_requests_total{code,method,host}; `status` 0 stands for a call without an answer.
  void count(const std::string& method, int status);
  /// rest_client_request_duration_seconds{verb,host}: of each call, retries apart; watches have none.
  void took(const std::string& method, SteadyTime::duration time);

 private:
  MetricsRegistry* const metrics_;
  const std::string host_;
  Mutex mutex_;
  // Methods and statuses are few.
  std::map<std::pair<std::string, int>, Counter> counters_ GUARDED_BY(mutex_);
  std::map<std::string, Histogram> histograms_ GUARDED_BY(mutex_);
};

}  // namespace sluice::kube
