#include "adapter/prometheus_client.h"

#include "adapter/limits.h"
#include "adapter/prometheus_answer.h"
#include "common/base/duration_text.h"

namespace sluice::adapter {
namespace {

constexpr std::size_t kGetBytesMax = 2048;
// About half of the 15 s between two syncs of an HPA: what comes later is in the way of the next one.
constexpr Duration kQueryTimeout{8'000};
constexpr Duration kSeriesTimeout{30'000};
constexpr long kConnectionsMax = kMetricsAtOnceMax + 1;  // and the relister's

std::string limit(std::size_t most) {
  return "&limit=" + std::to_string(most + 1);
}

std::vector<double> latency_bounds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

std::string without_slash(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

// The URL as a label's value: no user, no password.
std::string public_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = url.substr(0, url.find('/', host)).rfind('@');
  return at == std::string::npos ? url : url.substr(0, host) + url.substr(at + 1);
}

http::Request make_request(std::string url, std::string form, Duration time_limit) {
  http::Request out;
  out.timeout = time_limit;
  if (url.size() + form.size() < kGetBytesMax) {
    out.url = url + "?" + form;
  } else {
    out.method = "POST";
    out.url = std::move(url);
    out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    out.body = std::move(form);
  }
  return out;
}

http::Client::Options client_options() {
  http::Client::Options options;
  options.connections_max = kConnectionsMax;
  options.user_agent = "sluice-adapter/" SLUICE_VERSION;
  return options;
}

}  // namespace

http::Request make_query_request(const std::string& base_url, const std::string& promql, Duration time_limit) {
  http::Request out = make_request(base_url + "/api/v1/query",
                                   "query=" + http::url_encode(promql) +
                                       "&timeout=" + std::to_string(time_limit.count()) + "ms" + limit(kQuerySeriesMax),
                                   time_limit);
  out.response_bytes_max = kQueryBytesMax;
  return out;
}

http::Request make_series_request(const std::string& base_url, const std::string& selector, WallTime start,
                                  Duration time_limit) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(start.time_since_epoch()).count();
  http::Request out = make_request(
      base_url + "/api/v1/series",
      "match%5B%5D=" + http::url_encode(selector) + "&start=" + std::to_string(seconds) + limit(kListedSeriesMax),
      time_limit);
  out.response_bytes_max = kListedBytesMax;
  return out;
}

PrometheusClient::PrometheusClient(const std::string& url, MetricsRegistry& metrics)
    : base_url_(without_slash(url)),
      http_(client_options()),
      query_latency_(metrics.histogram("cmgateway_prometheus_query_latency_seconds", "Time Prometheus took to answer.",
                                       latency_bounds(), {{"endpoint", "query"}, {"server", public_url(base_url_)}})),
      series_latency_(metrics.histogram("cmgateway_prometheus_query_latency_seconds", "Time Prometheus took to answer.",
                                        latency_bounds(), {{"endpoint", "series"}, {"server", public_url(base_url_)}})),
      unavailable_(metrics.counter("sluice_adapter_prometheus_errors_total",
                                   "Calls to Prometheus that failed, by reason.", {{"reason", "unavailable"}})),
      denied_(metrics.counter("sluice_adapter_prometheus_errors_total", "Calls to Prometheus that failed, by reason.",
                              {{"reason", "denied"}})),
      invalid_(metrics.counter("sluice_adapter_prometheus_errors_total", "Calls to Prometheus that failed, by reason.",
                               {{"reason", "invalid"}})) {}

Result<http::Response> PrometheusClient::send(http::Request request, const Histogram& latency, const char* if_long) {
  const SteadyTime begin = std::chrono::steady_clock::now();
  auto response = http_.send(std::move(request));
  latency.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (response) return response;
  if (response.error().code == ErrorCode::kUnavailable) return response.error().in("Prometheus does not answer");
  // The request is of our own making, so it is the answer that is not taken: it is too long.
  Error error = response.error().in("Prometheus");
  error.message += std::string(": ") + if_long;
  return error;
}

void PrometheusClient::count(const Error& error) const {
  const Counter& counter = error.code == ErrorCode::kUnavailable ? unavailable_
                           : error.code == ErrorCode::kDenied    ? denied_
                                                                 : invalid_;
  counter.add();
}

Result<std::vector<VectorElement>> PrometheusClient::query(const std::string& promql, const KeptLabels& labels) {
  const auto response = send(make_query_request(base_url_, promql, kQueryTimeout), query_latency_, kOneValueEach);
  auto vector = response ? read_vector(response->status, response->body, labels, kQuerySeriesMax)
                         : Result<std::vector<VectorElement>>(response.error());
  if (!vector) count(vector.error());
  return vector;
}

Result<SeriesNames> PrometheusClient::series(const std::string& selector, WallTime start) {
  const auto response =
      send(make_series_request(base_url_, selector, start, kSeriesTimeout), series_latency_, kNarrowSeriesQuery);
  auto names = response ? read_series(response->status, response->body, kListedSeriesMax)
                        : Result<SeriesNames>(response.error());
  if (!names) count(names.error());
  return names;
}

}  // namespace sluice::adapter
