#include "adapter/prometheus_client.h"

#include <doctest/doctest.h>

#include <mutex>

#include "adapter/limits.h"
#include "common/http/server.h"

namespace sluice::adapter {
namespace {

const KeptLabels kLabels{"pod", "part"};

// A server that answers what it is told and remembers what it was asked.
class FakeServer {
 public:
  FakeServer() {
    http::ServerOptions options;
    options.address = "127.0.0.1";
    options.workers = 1;
    auto started = http::Server::start(options, [this](const http::ServerRequest& request) {
      const std::lock_guard lock(mutex_);
      asked_ = request;
      return http::ServerResponse::json(status, body);
    });
    REQUIRE(started.ok());
    server_ = std::move(*started);
  }
  std::string url() const { return "http://user:secret@127.0.0.1:" + std::to_string(server_->port()) + "/prefix/"; }
  http::ServerRequest asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void stop() { server_.reset(); }

  int status = 200;
  std::string body;

 private:
  std::mutex mutex_;
  http::ServerRequest asked_;
  std::unique_ptr<http::Server> server_;
};

TEST_CASE("a short query goes by GET, a long one by POST") {
  const auto small = make_query_request("http://p", "up{a=\"b\"}", Duration(8000));
  CHECK(small.method == "GET");
  CHECK(small.url ==
        "http://p/api/v1/query?query=up%7Ba%3D%22b%22%7D&timeout=8000ms&limit=" + std::to_string(kQuerySeriesMax + 1));
  CHECK(small.response_bytes_max == kQueryBytesMax);
  CHECK(small.body.empty());
  CHECK(small.timeout == Duration(8000));
  const auto large = make_query_request("http://p", std::string(3000, 'a'), Duration(8000));
  CHECK(large.method == "POST");
  CHECK(large.url == "http://p/api/v1/query");
  CHECK(large.body.size() > 3000);
  REQUIRE(large.headers.size() == 1);
  CHECK(large.headers[0].second == "application/x-www-form-urlencoded");
  const auto series = make_series_request("http://p", "up", WallTime(Duration(1'700'000'000'999)), Duration(1));
  CHECK(series.url ==
        "http://p/api/v1/series?match%5B%5D=up&start=1700000000&limit=" + std::to_string(kListedSeriesMax + 1));
  CHECK(series.response_bytes_max == kListedBytesMax);
}

TEST_CASE("Prometheus is asked over HTTP, and its failures are told apart and counted") {
  FakeServer server;
  MetricsRegistry metrics;
  PrometheusClient client(server.url(), metrics);

  server.body =
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1,"2"]}]}})";
  const auto vector = client.query("up", kLabels);
  REQUIRE(vector.ok());
  CHECK(vector->at(0).value == 2);
  CHECK(server.asked().path == "/prefix/api/v1/query");

  server.body = R"({"status":"success","data":[{"__name__":"up","pod":"a"}]})";
  const auto series = client.series("up", WallTime{});
  REQUIRE(series.ok());
  CHECK(series->count("up") == 1);

  server.status = 400;
  server.body = R"({"status":"error","errorType":"bad_data","error":"no"})";
  CHECK(client.query("up", kLabels).error().code == ErrorCode::kInvalid);
  server.status = 403;
  CHECK(client.query("up", kLabels).error().code == ErrorCode::kDenied);
  server.stop();
  const auto down = client.query("up", kLabels);
  REQUIRE_FALSE(down.ok());
  CHECK(down.error().code == ErrorCode::kUnavailable);
  CHECK(down.error().message.starts_with("Prometheus does not answer: GET http://127.0.0.1:"));
  CHECK(down.error().message.find("secret") == std::string::npos);

  const std::string text = metrics.text();
  for (const char* reason : {"unavailable", "denied", "invalid"}) {
    CAPTURE(std::string(reason));
    CHECK(text.find("sluice_adapter_prometheus_errors_total{reason=\"" + std::string(reason) + "\"} 1") !=
          std::string::npos);
  }
  CHECK(text.find("secret") == std::string::npos);
  CHECK(text.find("cmgateway_prometheus_query_latency_seconds_count{endpoint=\"query\",server=\"http://127.0.0.1:") !=
        std::string::npos);
}

TEST_CASE("an answer that is too long is the rule's fault, and the error says what to do") {
  FakeServer server;
  MetricsRegistry metrics;
  PrometheusClient client(server.url(), metrics);
  server.body = std::string(kListedBytesMax + 1, ' ');
  const auto series = client.series("up", WallTime{});
  REQUIRE_FALSE(series.ok());
  CHECK(series.error().code == ErrorCode::kInvalid);
  CHECK(series.error().message.ends_with("the answer is longer than " + std::to_string(kListedBytesMax) +
                                         " bytes: narrow the rule's seriesQuery"));
  server.body = std::string(kQueryBytesMax + 1, ' ');
  const auto vector = client.query("up", kLabels);
  REQUIRE_FALSE(vector.ok());
  CHECK(vector.error().code == ErrorCode::kInvalid);
  CHECK(vector.error().message.ends_with("metricsQuery should make one value for each object"));
}

TEST_CASE("a client that was shut down fails at once") {
  MetricsRegistry metrics;
  PrometheusClient client("http://127.0.0.1:1", metrics);
  client.shut_down();
  CHECK(client.query("up", kLabels).error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace sluice::adapter
