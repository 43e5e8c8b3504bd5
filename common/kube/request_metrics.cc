#include "common/kube/request_metrics.h"

#include <algorithm>

namespace sluice::kube {
namespace {

/// component-base's and controller-runtime's.
const std::vector<double> kSecondsBuckets = {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60};

std::string host_of(const std::string& url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  const auto end = std::min(url.find('/', begin), url.size());
  const std::string authority = url.substr(begin, end - begin);
  return authority.substr(authority.rfind('@') + 1);  // no user and password
}

}  // namespace

RequestMetrics::RequestMetrics(MetricsRegistry* metrics, const std::string& server)
    : metrics_(metrics), host_(host_of(server)) {}

void RequestMetrics::count(const std::string& method, int status) {
  if (metrics_ == nullptr) return;
  const MutexLock lock(mutex_);
  auto found = counters_.find({method, status});
  if (found == counters_.end()) {
    const std::string code = status == 0 ? "<error>" : std::to_string(status);
    const Counter counter = metrics_->counter("rest_client_requests_total", "Calls to the Kubernetes API.",
                                              {{"code", code}, {"method", method}, {"host", host_}});
    found = counters_.emplace(std::make_pair(method, status), counter).first;
  }
  found->second.add();
}

void RequestMetrics::took(const std::string& method, SteadyTime::duration time) {
  if (metrics_ == nullptr) return;
  const MutexLock lock(mutex_);
  auto found = histograms_.find(method);
  if (found == histograms_.end()) {
    const Histogram histogram =
        metrics_->histogram("rest_client_request_duration_seconds", "How long calls to the Kubernetes API take.",
                            kSecondsBuckets, {{"verb", method}, {"host", host_}});
    found = histograms_.emplace(method, histogram).first;
  }
  found->second.observe(std::chrono::duration<double>(time).count());
}

}  // namespace sluice::kube
