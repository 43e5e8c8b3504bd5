#include "cli/pod_metrics.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/fuzz/target.h"

namespace sluice::cli {
namespace {

constexpr const char* kText = R"(# HELP rtgw_connections Client connections now.
# TYPE rtgw_connections gauge
rtgw_connections{state="active"} 30
rtgw_connections{protocol="quic",state="active"} 12
rtgw_connections{state="draining",protocol="websocket",} 4 1795435200000
rtgw_draining 1
rtgw_drain_remaining_connections 46
rtgw_connections_opened_total 100
rtgw_connections_closed_total{reason="client"} 50
rtgw_connections_closed_total{reason="a \"quoted\" \\ one\n"} 4
rtgw_handshakes_total{result="ok"} 100
rtgw_handshakes_total{result="timeout"} 3
rtgw_handshake_seconds_bucket{le="0.01"} 50
rtgw_handshake_seconds_bucket{le="0.1"} 100
rtgw_handshake_seconds_bucket{le="+Inf"} 100
rtgw_messages_received_total 1e3
rtgw_task_queue_length{tenant="a"} 2
rtgw_task_queue_length{tenant="b"} 3
process_resident_memory_bytes 1048576
rtgw_send_queue_bytes NaN
not a sample at all {
rtgw_connections{state="x
)";

TEST_CASE("a gateway's metrics") {
  const auto metrics = parse_pod_metrics(kText);
  REQUIRE(metrics);
  CHECK(metrics->connections == 46);
  CHECK(metrics->by_protocol == std::map<std::string, double>{{"quic", 12}, {"websocket", 4}});
  CHECK(metrics->draining);
  CHECK(metrics->drain_remaining == 46);
  CHECK(metrics->opened == 100);
  CHECK(metrics->closed == 54);
  CHECK(metrics->handshakes_ok == 100);
  CHECK(metrics->handshakes_failed == 3);
  CHECK(metrics->messages_received == 1000);
  CHECK(metrics->tasks_waiting == 5);
  CHECK(metrics->resident_bytes == 1048576);
  CHECK(metrics->send_queue_bytes == 0);
}

TEST_CASE("who is no gateway") {
  CHECK_FALSE(parse_pod_metrics(""));
  CHECK_FALSE(parse_pod_metrics("go_goroutines 7\n"));
  CHECK_FALSE(parse_pod_metrics("<html>rtgw_connections</html>"));
  CHECK_FALSE(parse_pod_metrics(std::string(kMetricsBytesMax + 1, 'a')));
}

TEST_CASE("labels are unescaped") {
  std::string reason;
  for_each_sample(kText, [&](const Sample& sample) {
    if (sample.value == 4 && sample.name == "rtgw_connections_closed_total") reason = sample.label("reason");
  });
  CHECK(reason == "a \"quoted\" \\ one\n");
}

TEST_CASE("quantiles between two looks") {
  PodMetrics before;
  before.handshake_seconds = {{0.01, 100}, {0.1, 100}, {1e300, 100}};
  PodMetrics now;
  now.handshake_seconds = {{0.01, 100}, {0.1, 200}, {1e300, 200}};
  CHECK(quantile(&before, now, 0.5).value() == doctest::Approx(0.055));
  CHECK(quantile(nullptr, now, 0.5).value() == doctest::Approx(0.01));
  CHECK_FALSE(quantile(&now, now, 0.5));
  CHECK_FALSE(quantile(nullptr, PodMetrics(), 0.99));
}

TEST_CASE("the corpus of metrics holds what is read of them") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_CLI_CORPUS_DIR "/pod_metrics")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    CHECK(fuzz_pod_metrics(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()) == 0);
    ++files;
  }
  CHECK(files >= 8);
}

}  // namespace
}  // namespace sluice::cli
