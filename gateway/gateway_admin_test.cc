// Admin API and probes of a whole gateway over real HTTP.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gateway/descriptors.h"
#include "gateway/testing/descriptor_limit.h"
#include "gateway/testing/test_gateway.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;
using testing::ClientSocket;
using testing::DescriptorLimit;
using testing::eventually;
using testing::http_call;
using testing::KeptConnection;
using testing::metric_in;
using testing::TestGateway;
using testing::WebSocketClient;

TEST_CASE("the admin API answers 401 without a token and the state with one") {
  TestGateway gateway;
  WebSocketClient client = gateway.connect("/echo");
  REQUIRE(eventually([&] { return gateway.active() == 1; }));
  CHECK(http_call(gateway.ports().admin, "GET", "/admin/v1/state").status == 401);
  CHECK(http_call(gateway.ports().admin, "GET", "/admin/v1/state", "Authorization: Bearer x.y.z\r\n").status == 401);
  CHECK(http_call(gateway.ports().admin, "DELETE", "/admin/v1/drain").status == 401);
  const testing::HttpAnswer answer = gateway.admin("GET", "/admin/v1/state");
  CHECK(answer.status == 200);
  CHECK(answer.head.find("Content-Type: application/json") != std::string::npos);
  const json state = json::parse(answer.body);
  CHECK(state.at("connections").at("total") == 1);
  CHECK(state.at("connections").at("byState").at("active") == 1);
  CHECK(state.at("connections").at("byProtocol").at("ws") == 1);
  CHECK(state.at("drain").is_null());
  CHECK(state.at("memory").at("rssBytes") > 1'000'000);
  CHECK(gateway.admin("PUT", "/admin/v1/drain", "{}").status == 400);
  CHECK(gateway.admin("PUT", "/admin/v1/drain", std::string(100'000, ' ')).status == 413);
}

TEST_CASE("a connection is kept for many requests, in a row or at once") {
  TestGateway gateway;
  KeptConnection kept(gateway.ports().metrics);
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 3; ++i) CHECK(kept.get("/healthz").status == 200);
  CHECK(kept.send(request + request + request));
  for (int i = 0; i < 3; ++i) CHECK(kept.next().status == 200);
  CHECK(kept.send("nonsense\r\n\r\n"));
  CHECK(kept.next().status == 400);
  CHECK(kept.socket().read_to_end().empty());
}

TEST_CASE("probes and metrics need no token; other paths and methods are refused") {
  TestGateway gateway;
  const std::uint16_t port = gateway.ports().metrics;
  CHECK(http_call(port, "GET", "/healthz").status == 200);
  CHECK(http_call(port, "GET", "/readyz").status == 200);
  CHECK(http_call(port, "GET", "/").status == 404);
  CHECK(http_call(port, "POST", "/metrics").status == 405);
  const testing::HttpAnswer metrics = http_call(port, "GET", "/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.head.find("text/plain; version=0.0.4") != std::string::npos);
  for (const char* name : {"rtgw_connections{protocol=\"ws\",state=\"idle\"}",
                           "rtgw_connections_opened_total",
                           "rtgw_accept_failures_total",
                           "rtgw_connections_closed_total{reason=\"drain\"}",
                           "rtgw_handshakes_total{result=\"ok\"}",
                           "rtgw_handshake_seconds_count",
                           "rtgw_resumes_total{result=\"ok\"}",
                           "rtgw_messages_received_total",
                           "rtgw_messages_sent_total",
                           "rtgw_send_queue_bytes",
                           "rtgw_task_queue_length{tenant=\"default\"}",
                           "rtgw_in_flight_requests{tenant=\"default\"}",
                           "rtgw_draining",
                           "rtgw_drain_remaining_connections",
                           "rtgw_tasks_completed_total{tenant=\"default\",result=\"ok\"}",
                           "rtgw_connections_closed_total{reason=\"shed\"}",
                           "rtgw_admission_waiting",
                           "rtgw_admission_rejected_total",
                           "rtgw_peers{status=\"active\"}",
                           "rtgw_peers{status=\"offline\"}",
                           "rtgw_slow_consumer_closes_total",
                           "rtgw_received_bytes_total",
                           "rtgw_sent_bytes_total"}) {
    CAPTURE(name);
    CHECK(gateway.metric(name) == 0);  // There, and at 0, before anything has happened.
  }
}

TEST_CASE("the state holds what this process has done and what its machine allows") {
  TestGateway gateway;
  const auto state = [&] { return json::parse(gateway.admin("GET", "/admin/v1/state").body); };
  const json at_first = state();
  CHECK(at_first.at("totals") == json({{"handshakesOk", 0},
                                       {"handshakesFailed", 0},
                                       {"closesClean", 0},
                                       {"closesAbnormal", 0},
                                       {"resumesOk", 0},
                                       {"resumesFailed", 0}}));
  CHECK(at_first.at("opened") == 0);
  CHECK(at_first.at("sessionCost") == 1);
  CHECK(at_first.at("bytesPerConnection") == 0);
  CHECK(at_first.at("terminating").is_null());
  CHECK(at_first.at("shed").is_null());
  CHECK(at_first.at("limits").at("descriptors") > 0);
  CHECK(at_first.at("limits").at("somaxconn") > 0);
  {
    WebSocketClient topics = gateway.connect("/topics");
    WebSocketClient bare = gateway.connect("/echo");
    WebSocketClient lost = gateway.connect("/echo");
    for (const char* topic : {"a", "b", "c", "a"}) {
      CHECK(topics.text(R"({"op":"subscribe","topic":")" + std::string(topic) + "\"}"));
      topics.next_text();
    }
    CHECK(state().at("sessionCost") == 1.1);  // Three topics on three connections.
    for (const char* topic : {"b", "z"}) {
      CHECK(topics.text(R"({"op":"unsubscribe","topic":")" + std::string(topic) + "\"}"));
      topics.next_text();
    }
    lost.socket().reset();
    CHECK(eventually([&] { return state().at("sessionCost") == 1.1; }));  // Two on two.
    CHECK(bare.raw(testing::client_close(1000)));
    CHECK(bare.next_close().code() == 1000);
    CHECK(gateway.connect("/nothing").status() == 404);
    CHECK(topics.raw(testing::client_close(1001)));
    CHECK(topics.next_close().code() == 1001);
  }
  CHECK(eventually([&] { return state().at("connections").at("total") == 0; }));
  const json at_last = state();
  CHECK(at_last.at("totals").at("handshakesOk") == 3);
  CHECK(at_last.at("totals").at("handshakesFailed") == 0);
  CHECK(at_last.at("totals").at("closesClean") == 2);
  CHECK(at_last.at("totals").at("closesAbnormal") == 1);
  CHECK(at_last.at("opened") == 3);
  CHECK(at_last.at("sessionCost") == 1);
}

TEST_CASE("what the operator says of the other gateways is counted by status") {
  TestGateway gateway;
  const auto tell = [&](const char* uid, const char* status) {
    const json body = {{"pod", "edge-abcde"}, {"uid", uid}, {"status", status}, {"severity", 3}};
    return gateway.admin("POST", "/admin/v1/node-status", body.dump());
  };
  CHECK(tell("u-1", "offline").body == "{}");
  CHECK(tell("u-2", "offline").status == 200);
  CHECK(tell("u-1", "gray").status == 200);
  CHECK(tell("u-3", "of-a-later-operator").status == 200);
  CHECK(tell("u-3 ", "gray").status == 400);
  CHECK(gateway.metric("rtgw_peers{status=\"offline\"}") == 1);
  CHECK(gateway.metric("rtgw_peers{status=\"gray\"}") == 1);
  CHECK(gateway.metric("rtgw_peers{status=\"other\"}") == 1);
  CHECK(gateway.metric("rtgw_peers{status=\"active\"}") == 0);
}

TEST_CASE("many idle connections do not keep the operator out") {
  TestGateway gateway;
  std::vector<std::unique_ptr<ClientSocket>> idle;
  idle.reserve(300);
  for (int i = 0; i < 300; ++i) idle.push_back(std::make_unique<ClientSocket>(gateway.ports().admin));
  CHECK(gateway.admin("GET", "/admin/v1/state").status == 200);
  CHECK(idle.front()->read_to_end().empty());  // The longest idle one has made room.
}

TEST_CASE("a request that does not come in time ends its connection") {
  TestGateway gateway;
  ClientSocket slow(gateway.ports().metrics);
  CHECK(slow.send("GET /healthz HTTP/1.1\r\n"));
  REQUIRE(eventually([&] {
    gateway.advance(11s);
    slow.read_some();
    return slow.at_end();
  }));
}

TEST_CASE(
    "more sockets than the gateway has room for are cut, on whichever shard they arrive, and probes are answered") {
  constexpr int kSockets = 350;
  TestGateway gateway([](Config& config) {
    config.shards = 4;
    config.limits.connections = 10;
  });
  std::vector<std::unique_ptr<ClientSocket>> sockets;
  sockets.reserve(kSockets);
  for (int i = 0; i < kSockets; ++i) sockets.push_back(std::make_unique<ClientSocket>(gateway.ports().listen));
  constexpr int kTaken = 10 + static_cast<int>(kRefusalsMax);
  CHECK(eventually([&] { return gateway.metric("rtgw_handshakes_total{result=\"refused\"}") == kSockets - kTaken; }));
  CHECK(gateway.gateway().count(ConnectionState::kIdle) == kTaken);
  CHECK(http_call(gateway.ports().metrics, "GET", "/healthz").status == 200);
  sockets.clear();
  CHECK(eventually([&] { return gateway.connect("/echo").status() == 101; }));
}

TEST_CASE("a client waits while no descriptor is left, probes that are connected do not, and it is served at last") {
  TestGateway gateway([](Config& config) { config.limits.handshake_timeout = 2h; });
  KeptConnection probe(gateway.ports().metrics);
  REQUIRE(probe.get("/healthz").status == 200);
  const auto failures = [&] { return metric_in(probe.get("/metrics").body, "rtgw_accept_failures_total"); };
  auto limit = std::make_unique<DescriptorLimit>(1);  // The client's own.
  ClientSocket waiting(gateway.ports().listen);
  CHECK(waiting.send("GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n"));
  CHECK(eventually([&] { return failures() > 0; }));
  CHECK(probe.get("/healthz").status == 200);
  limit.reset();
  std::string answer;
  CHECK(eventually([&] {
    gateway.advance(100ms);  // The gateway looks again after a pause.
    answer += waiting.read_some();
    return !answer.empty();
  }));
  CHECK(answer.substr(0, 12) == "HTTP/1.1 404");
}

TEST_CASE("a port that is taken stops the start with a sentence") {
  TestGateway gateway;
  Config config;
  config.listen = {"127.0.0.1", gateway.ports().listen};
  config.admin.address = config.metrics.address = "127.0.0.1";
  config.admin.port = config.metrics.port = 0;
  const auto second = Gateway::start(config, gateway.clock(), 1);
  REQUIRE(!second);
  CHECK(second.error().message.find(std::to_string(gateway.ports().listen)) != std::string::npos);
}

TEST_CASE("a certificate that cannot be read stops the start with a sentence") {
  ManualClock clock;
  Config config;
  config.listen = {"127.0.0.1", 0};
  config.tls = {0, "no-such.crt", "no-such.key"};
  const auto gateway = Gateway::start(config, clock, 1);
  REQUIRE(!gateway);
  CHECK(gateway.error().message.find("no-such.crt") != std::string::npos);
}

}  // namespace
}  // namespace sluice::gateway
