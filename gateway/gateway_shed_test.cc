// A shed through a whole gateway, with a clock that the test moves.
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gateway/testing/test_gateway.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;
using testing::client_close;
using testing::eventually;
using testing::ServerFrame;
using testing::TestGateway;
using testing::WebSocketClient;

constexpr const char* kHints = "/echo?sluice-hints=1";

using Clients = std::vector<std::unique_ptr<WebSocketClient>>;

Clients connect(TestGateway& gateway, int count, std::string_view path) {
  Clients clients;
  const std::int64_t before = gateway.active();
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<WebSocketClient>(gateway.ports().listen, path));
    REQUIRE(clients.back()->status() == 101);
  }
  REQUIRE(eventually([&] { return gateway.active() == before + count; }));
  return clients;
}

/// Orders a shed through the admin API; every shard has begun with it. The answer's `shed`.
json shed(TestGateway& gateway, const char* id, int count, double rate, Duration jitter = 0s) {
  const json body = {{"id", id}, {"count", count}, {"ratePerSecond", rate}, {"hintJitterMs", jitter.count()}};
  const testing::HttpAnswer answer = gateway.admin("PUT", "/admin/v1/shed", body.dump());
  REQUIRE(answer.status == 200);
  gateway.gateway().wake();
  return json::parse(answer.body).at("shed");
}

json shed_state(TestGateway& gateway) {
  return json::parse(gateway.admin("GET", "/admin/v1/state").body).at("shed");
}

/// Whether `client` has a hint waiting; one that has answers an echo behind it.
bool hinted(WebSocketClient& client) {
  REQUIRE(client.text("echo"));
  const std::string first = client.next_text();
  if (first == "echo") return false;
  CHECK(json::parse(first).at("reconnect").at("reason") == "rebalance");
  CHECK(client.next_text() == "echo");
  return true;
}

TEST_CASE("a shed hints as many as were asked for, at its rate, and nobody else; newcomers are welcome") {
  TestGateway gateway([](Config& config) { config.shards = 4; });
  const Clients able = connect(gateway, 100, kHints);
  const Clients deaf = connect(gateway, 50, "/echo");
  CHECK(shed(gateway, "r-1", 30, 100, 1h) ==
        json({{"id", "r-1"}, {"initial", 30}, {"remaining", 30}, {"rate", 100.0}}));
  for (int i = 0; i < 2; ++i) gateway.advance(50ms);
  CHECK(gateway.connect(kHints).status() == 101);
  CHECK(gateway.metric("rtgw_draining") == 0);
  for (int i = 0; i < 10; ++i) gateway.advance(50ms);
  int count = 0;
  for (const auto& client : able) count += hinted(*client) ? 1 : 0;
  // One of them may be the newcomer, who has gone.
  CHECK(count <= 30);
  CHECK(count >= 29);
  for (const auto& client : deaf) CHECK(!hinted(*client));
  CHECK(gateway.active() >= 150);  // Nobody has to go for an hour.
  // Repeated, it does not begin again.
  CHECK(shed(gateway, "r-1", 30, 1000, 1h).at("initial") == 30);
  gateway.advance(100ms);
  for (const auto& client : able) CHECK(!hinted(*client));
}

TEST_CASE("a shed keeps to its rate") {
  TestGateway gateway([](Config& config) { config.shards = 2; });
  const Clients able = connect(gateway, 60, kHints);
  shed(gateway, "r-1", 50, 20);
  gateway.advance(500ms);
  for (const auto& client : able) CHECK(client->text("echo"));
  int hints = 0;
  for (const auto& client : able) {
    const std::string first = client->next_text();
    if (first == "echo") continue;
    CHECK(client->next_text() == "echo");
    ++hints;
  }
  CHECK(hints >= 1);
  CHECK(hints <= 4);  // One at once, and a bucket's tenth of a second, for what came in one step.
  CHECK(shed_state(gateway).at("remaining") == 50);
}

TEST_CASE("who goes by itself and who has to be closed are both gone in the end, and counted as clean") {
  TestGateway gateway;
  const Clients able = connect(gateway, 2, kHints);
  shed(gateway, "r-1", 10, 1000);
  CHECK(shed_state(gateway).at("initial") == 2);  // There are no more.
  gateway.advance(50ms);
  for (const auto& client : able) REQUIRE(json::parse(client->next_text()).contains("reconnect"));
  CHECK(able[0]->raw(client_close(1000)));
  CHECK(able[0]->next_close().code() == 1000);
  CHECK(eventually([&] { return shed_state(gateway).at("remaining") == 1; }));
  gateway.advance(3s);
  const ServerFrame close = able[1]->next_close();
  CHECK(close.code() == 1012);
  CHECK(close.reason() == "reconnect-after-ms=0");
  CHECK(able[1]->raw(client_close(1012)));
  CHECK(eventually([&] { return shed_state(gateway).at("remaining") == 0; }));
  CHECK(eventually([&] { return gateway.metric("rtgw_connections_closed_total{reason=\"shed\"}") == 1; }));
  const json totals = json::parse(gateway.admin("GET", "/admin/v1/state").body).at("totals");
  CHECK(totals.at("closesClean") == 2);
  CHECK(totals.at("closesAbnormal") == 0);
}

TEST_CASE("a shed that is ended lets those stay who have not gone; the next one hints anew") {
  TestGateway gateway([](Config& config) { config.heartbeat.ping_interval = 1h; });
  const Clients able = connect(gateway, 5, kHints);
  shed(gateway, "r-1", 5, 1000, 10s);
  gateway.advance(50ms);
  for (const auto& client : able) CHECK(hinted(*client));
  CHECK(json::parse(gateway.admin("DELETE", "/admin/v1/shed").body).at("shed").is_null());
  gateway.advance(30s);
  for (const auto& client : able) CHECK(!hinted(*client));
  shed(gateway, "r-2", 5, 1000, 10s);
  gateway.advance(50ms);
  for (const auto& client : able) CHECK(hinted(*client));
  shed(gateway, "r-3", 1, 1000, 10s);  // Replaces it: the others may stay.
  gateway.advance(50ms);
  gateway.advance(30s);
  CHECK(eventually([&] { return gateway.active() == 4; }));
}

TEST_CASE("a drain beats a shed") {
  TestGateway gateway;
  const Clients able = connect(gateway, 5, kHints);
  shed(gateway, "r-1", 5, 1000, 1h);
  gateway.advance(50ms);
  for (const auto& client : able) CHECK(hinted(*client));
  gateway.drain(1000, 0s, 60s);
  CHECK(shed_state(gateway).is_null());
  CHECK(gateway.admin("PUT", "/admin/v1/shed", R"({"id":"r-2","count":5,"ratePerSecond":1})").status == 409);
  CHECK(gateway.admin("DELETE", "/admin/v1/shed").status == 200);
  gateway.advance(100ms);
  for (const auto& client : able) {
    CHECK(json::parse(client->next_text()).at("reconnect").at("reason") == "drain");
  }
  gateway.advance(4s);
  CHECK(eventually([&] { return gateway.active() == 0; }));
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"shed\"}") == 0);
}

}  // namespace
}  // namespace sluice::gateway
