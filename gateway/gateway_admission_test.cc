// Admission through a whole gateway, with a clock that the test moves.
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/descriptors.h"
#include "gateway/testing/test_gateway.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;
using testing::ClientSocket;
using testing::eventually;
using testing::TestGateway;
using testing::Wire;

constexpr std::string_view kUpgrade =
    "GET /echo HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

using Sockets = std::vector<std::unique_ptr<ClientSocket>>;

/// Ten a second: two may come at once, since a tenth of a second is saved up.
void ten_a_second(Config& config, std::size_t queue) {
  config.admission = {.per_second = 10, .per_second_max = 1000, .queue = queue, .handshake_p99 = 250ms};
  config.shards = 2;
}

/// Sockets that have asked for an upgrade, one after the other.
void knock(TestGateway& gateway, Sockets& sockets, int count) {
  for (int i = 0; i < count; ++i) {
    const double before = gateway.metric("rtgw_handshakes_total{result=\"ok\"}") +
                          gateway.metric("rtgw_admission_waiting") + gateway.metric("rtgw_admission_rejected_total");
    sockets.push_back(std::make_unique<ClientSocket>(gateway.ports().listen));
    REQUIRE(sockets.back()->send(kUpgrade));
    REQUIRE(eventually([&] {
      return gateway.metric("rtgw_handshakes_total{result=\"ok\"}") + gateway.metric("rtgw_admission_waiting") +
                 gateway.metric("rtgw_admission_rejected_total") ==
             before + 1;
    }));
  }
}

TEST_CASE("who comes too fast waits unread, in the order of coming over all shards; beyond the queue it is told 503") {
  TestGateway gateway([](Config& config) { ten_a_second(config, 6); });
  Sockets sockets;
  knock(gateway, sockets, 8);
  CHECK(gateway.active() == 2);
  CHECK(gateway.metric("rtgw_admission_rate") == 10);
  CHECK(gateway.metric("rtgw_admission_waiting") == 6);
  CHECK(gateway.metric("rtgw_connections{protocol=\"ws\",state=\"idle\"}") == 0);  // No object was made for them.
  const testing::WebSocketClient refused = gateway.connect("/echo");
  CHECK(refused.status() == 503);
  const std::size_t retry = refused.head().find("Retry-After: ");
  REQUIRE(retry != std::string::npos);
  const int seconds = std::atoi(refused.head().c_str() + retry + 13);
  CHECK(seconds >= 1);
  CHECK(seconds <= static_cast<int>(Admission::kRetryAfterMost));
  CHECK(gateway.metric("rtgw_admission_rejected_total") == 1);
  for (std::size_t i = 2; i < 8; ++i) {
    CHECK(sockets[i]->read_some().empty());
    gateway.advance(100ms);  // One more.
    CHECK(sockets[i]->read_waiting().substr(0, 12) == "HTTP/1.1 101");
    CHECK(gateway.active() == static_cast<std::int64_t>(i) + 1);
  }
  CHECK(gateway.metric("rtgw_admission_waiting") == 0);
  const json state = json::parse(gateway.admin("GET", "/admin/v1/state").body);
  CHECK(state.at("totals").at("handshakesOk") == 8);
  CHECK(state.at("totals").at("handshakesFailed") == 1);
  CHECK(state.at("opened") == 8);
  // A client's wait is part of its handshake: 0.1 to 0.6 s.
  CHECK(gateway.metric("rtgw_handshake_seconds_sum") == doctest::Approx(2.1));
}

TEST_CASE("the time that a client waits for its admission is no part of its own time-out") {
  TestGateway gateway([](Config& config) {
    ten_a_second(config, 100);
    config.admission.per_second = 1;
    config.limits.handshake_timeout = 2s;
  });
  Sockets sockets;
  knock(gateway, sockets, 5);
  for (int i = 0; i < 5; ++i) gateway.advance(1s);
  CHECK(eventually([&] { return gateway.active() == 5; }));
  CHECK(gateway.metric("rtgw_handshakes_total{result=\"timeout\"}") == 0);
}

TEST_CASE("while so many are told 503, further ones are cut") {
  TestGateway gateway([](Config& config) { ten_a_second(config, 0); });
  constexpr int kCut = 20;
  constexpr int kSockets = 2 + static_cast<int>(kRefusalsMax) + kCut;
  Sockets sockets;
  for (int i = 0; i < kSockets; ++i) sockets.push_back(std::make_unique<ClientSocket>(gateway.ports().listen));
  CHECK(eventually([&] { return gateway.metric("rtgw_handshakes_total{result=\"refused\"}") == kCut; }));
  CHECK(gateway.metric("rtgw_admission_rejected_total") == kRefusalsMax + kCut);
  CHECK(gateway.gateway().count(ConnectionState::kIdle) == 2 + static_cast<int>(kRefusalsMax));
  // Their places are free again once they have gone.
  sockets.clear();
  CHECK(eventually([&] { return gateway.gateway().count(ConnectionState::kIdle) == 0; }));
  for (int i = 0; i < static_cast<int>(kRefusalsMax); ++i) {
    sockets.push_back(std::make_unique<ClientSocket>(gateway.ports().listen));
  }
  CHECK(eventually([&] { return gateway.gateway().count(ConnectionState::kIdle) == static_cast<int>(kRefusalsMax); }));
  CHECK(gateway.metric("rtgw_handshakes_total{result=\"refused\"}") == kCut);
}

TEST_CASE("a client that has gone while it waited is found so when its turn comes, and counts as failed") {
  TestGateway gateway([](Config& config) { ten_a_second(config, 10); });
  Sockets sockets;
  knock(gateway, sockets, 2);
  ClientSocket impatient(gateway.ports().listen);
  REQUIRE(eventually([&] { return gateway.metric("rtgw_admission_waiting") == 1; }));
  knock(gateway, sockets, 1);
  impatient.end();
  for (int i = 0; i < 2; ++i) gateway.advance(100ms);
  CHECK(eventually([&] { return gateway.active() == 3; }));
  CHECK(sockets[2]->read_waiting().substr(0, 12) == "HTTP/1.1 101");
  CHECK(eventually([&] { return gateway.metric("rtgw_handshakes_total{result=\"disconnected\"}") == 1; }));
  CHECK(json::parse(gateway.admin("GET", "/admin/v1/state").body).at("totals").at("handshakesFailed") == 1);
}

TEST_CASE("with TLS, too, nothing is made for a client before its turn; then what it has said is read") {
  TestGateway gateway([](Config& config) { ten_a_second(config, 10); }, Wire::kTls);
  Sockets sockets;
  for (int i = 0; i < 3; ++i) sockets.push_back(std::make_unique<ClientSocket>(gateway.ports().tls));
  REQUIRE(eventually([&] { return gateway.metric("rtgw_admission_waiting") == 1; }));
  CHECK(sockets.back()->send("this is no TLS, and long enough to be seen as that"));
  CHECK(gateway.gateway().count(ConnectionState::kIdle) == 2);
  gateway.advance(100ms);
  CHECK(eventually([&] { return gateway.metric("rtgw_handshakes_total{result=\"tls_failed\"}") == 1; }));
}

TEST_CASE("the rate grows while newcomers wait and handshakes are quick") {
  TestGateway gateway([](Config& config) {
    ten_a_second(config, 500);
    config.admission.per_second = 100;
    config.admission.per_second_max = 125;
  });
  Sockets sockets;
  for (int i = 0; i < 400; ++i) {
    sockets.push_back(std::make_unique<ClientSocket>(gateway.ports().listen));
    REQUIRE(sockets.back()->send(kUpgrade));
  }
  REQUIRE(eventually([&] { return gateway.metric("rtgw_admission_waiting") == 389; }));
  for (int i = 0; i < 110; ++i) gateway.advance(20ms);
  CHECK(eventually([&] { return gateway.metric("rtgw_admission_rate") == 125; }));
}

TEST_CASE("a drain tells those who wait to go elsewhere, and that is no failure") {
  TestGateway gateway([](Config& config) { ten_a_second(config, 10); });
  Sockets sockets;
  knock(gateway, sockets, 3);
  gateway.drain(1000, 0s, 60s);
  gateway.advance(100ms);
  CHECK(sockets[2]->read_waiting().substr(0, 12) == "HTTP/1.1 503");
  CHECK(json::parse(gateway.admin("GET", "/admin/v1/state").body).at("totals").at("handshakesFailed") == 0);
}

}  // namespace
}  // namespace sluice::gateway
