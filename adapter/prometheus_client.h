// Prometheus' HTTP API: instant queries and the list of series. Source:
// prometheus.io/docs/prometheus/latest/querying/api.
#pragma once

#include <string>

#include "adapter/metric_answer.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/http/client.h"

namespace sluice::adapter {

/// Where series are listed. Threads: any; blocks.
class SeriesApi {
 public:
  virtual ~SeriesApi() = default;
  /// Names and labels of the series that `selector` picks and that had a sample since `start`.
  virtual Result<SeriesNames> series(const std::string& selector, WallTime start) = 0;
};

/// What is sent for a query: GET while the URL stays short, else POST, since a query that names hundreds of pods passes
/// what servers and proxies take for a URL. `time_limit` is also told to Prometheus, so that it gives up when we do;
/// and so is the number of series that we take, and one more, by which we see that there are more. (What does not know
/// these parameters leaves them alone; for a list of series there is no time limit.)
http::Request make_query_request(const std::string& base_url, const std::string& promql, Duration time_limit);
http::Request make_series_request(const std::string& base_url, const std::string& selector, WallTime start,
                                  Duration time_limit);

/// Threads: any.
class PrometheusClient final : public QueryApi, public SeriesApi {
 public:
  /// `url` may have a path ("http://thanos:9090/prometheus").
  PrometheusClient(const std::string& url, MetricsRegistry& metrics);

  Result<std::vector<VectorElement>> query(const std::string& promql, const KeptLabels& labels) override;
  Result<SeriesNames> series(const std::string& selector, WallTime start) override;

  /// Ends every call with kUnavailable, now and from now on.
  void shut_down() { http_.shut_down(); }

 private:
  Result<http::Response> send(http::Request request, const Histogram& latency, const char* if_long);
  void count(const Error& error) const;

  const std::string base_url_;
  http::Client http_;
  const Histogram query_latency_, series_latency_;
  const Counter unavailable_, denied_, invalid_;
};

}  // namespace sluice::adapter
