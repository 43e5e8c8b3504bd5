// Drain through a whole gateway, with a clock that the test moves.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gateway/testing/gate.h"
#include "gateway/testing/test_gateway.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;
using testing::client_close;
using testing::eventually;
using testing::ServerFrame;
using testing::TestGateway;
using testing::WebSocketClient;

using Clients = std::vector<std::unique_ptr<WebSocketClient>>;

Clients connect(TestGateway& gateway, int count, std::string_view path = "/echo") {
  Clients clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<WebSocketClient>(gateway.ports().listen, path));
    REQUIRE(clients.back()->status() == 101);
  }
  REQUIRE(eventually([&] { return gateway.active() == count; }));
  return clients;
}

std::string digest_request(int id) {
  return json({{"id", id}, {"digest", {{"megabytes", 1}}}}).dump();
}

json drain_state(TestGateway& gateway) {
  return json::parse(gateway.admin("GET", "/admin/v1/state").body).at("drain");
}

TEST_CASE("connections go no faster than the rate, whatever the shards do, and all go") {
  TestGateway gateway([](Config& config) { config.shards = 4; });
  constexpr int kClients = 200;
  constexpr double kRate = 100;
  const Clients clients = connect(gateway, kClients);
  gateway.drain(kRate, 0s, 60s);
  Duration elapsed{0};
  const auto gone = [&] { return kClients - gateway.active(); };
  // 50 ms of the drain a step: a step is over when its tokens are spent.
  while (elapsed < 2000ms) {
    gateway.advance(50ms);
    elapsed += 50ms;
    const double due = kRate * static_cast<double>(elapsed.count()) / 1000;
    CHECK(eventually([&] { return static_cast<double>(gone()) >= std::min<double>(due - 6, kClients); }));
    CHECK(static_cast<double>(gone()) <= due + 11);  // The rate and a burst of 100 ms and one.
  }
  gateway.advance(100ms);  // 1.05 * initial / rate.
  CHECK(eventually([&] { return gone() == kClients; }));
  for (const auto& client : clients) {
    const ServerFrame close = client->next();
    CHECK(close.code() == 1012);
    CHECK(close.reason().rfind("reconnect-after-ms=", 0) == 0);
    CHECK(client->raw(client_close(1012)));
    CHECK(client->next().opcode == ServerFrame::kEnd);
  }
  CHECK(eventually([&] { return drain_state(gateway).at("remaining") == 0; }));
  CHECK(gateway.metric("rtgw_drain_remaining_connections") == 0);
  CHECK(gateway.metric("rtgw_draining") == 1);
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"drain\"}") == kClients);
}

TEST_CASE("a client that understands hints gets one and may leave by itself; if it stays it is closed") {
  TestGateway gateway;
  WebSocketClient obedient = gateway.connect("/echo?sluice-hints=1");
  WebSocketClient stubborn = gateway.connect("/echo", "Sec-WebSocket-Protocol: sluice.v1\r\n");
  REQUIRE(eventually([&] { return gateway.active() == 2; }));
  gateway.drain(1000, 10s, 60s);
  gateway.advance(100ms);
  for (WebSocketClient* client : {&obedient, &stubborn}) {
    const json hint = json::parse(client->next_text()).at("reconnect");
    CHECK(hint.at("reason") == "drain");
    CHECK(hint.at("resume") == "");
    CHECK(hint.at("after_ms").get<int>() >= 0);
    CHECK(hint.at("after_ms").get<int>() < 10'000);
  }
  const json state = drain_state(gateway);
  CHECK(state.at("initial") == 2);
  CHECK(state.at("hinted") == 2);
  CHECK(state.at("remaining") == 2);
  CHECK(state.at("rate") == 1000);
  CHECK(state.at("reason") == "ScaleDown");
  // It works on until it leaves.
  CHECK(obedient.text("still talking"));
  CHECK(obedient.next_text() == "still talking");
  CHECK(obedient.raw(client_close(1000)));
  CHECK(obedient.next_close().code() == 1000);
  gateway.advance(10s);
  gateway.advance(2s);
  CHECK(stubborn.next_close().code() == 1012);
  CHECK(stubborn.raw(client_close(1012)));
  CHECK(eventually([&] { return gateway.metric("rtgw_connections_closed_total{reason=\"drain\"}") == 1; }));
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"client\"}") == 1);
}

TEST_CASE("a drain that is taken back lets everyone stay and newcomers in") {
  TestGateway gateway([](Config& config) { config.shards = 2; });
  const Clients clients = connect(gateway, 20, "/echo?sluice-hints=1");
  gateway.drain(1000, 20s, 60s);
  gateway.advance(100ms);
  for (const auto& client : clients) CHECK(json::parse(client->next_text()).contains("reconnect"));
  CHECK(gateway.connect("/echo").status() == 503);
  CHECK(gateway.connect("/echo").head().find("Retry-After: ") != std::string::npos);
  const testing::HttpAnswer cancelled = gateway.admin("DELETE", "/admin/v1/drain");
  CHECK(cancelled.status == 200);
  CHECK(json::parse(cancelled.body).at("drain").is_null());
  CHECK(gateway.connect("/echo").status() == 101);
  gateway.advance(25s);
  for (const auto& client : clients) {
    CHECK(client->text("here"));
    CHECK(client->next_text() == "here");  // Neither closed nor pinged.
  }
  CHECK(gateway.metric("rtgw_draining") == 0);
  // The next drain counts and releases from the beginning.
  gateway.drain(1000, 0s, 60s);
  CHECK(drain_state(gateway).at("initial") >= 20);
  gateway.advance(100ms);
  for (const auto& client : clients) CHECK(json::parse(client->next_text()).contains("reconnect"));
  CHECK(drain_state(gateway).at("hinted") == 20);
}

TEST_CASE("the deadline closes whoever is left") {
  TestGateway gateway([](Config& config) { config.shards = 2; });
  const Clients clients = connect(gateway, 50);
  gateway.drain(0.001, 5s, 10s);
  gateway.advance(9s);
  CHECK(gateway.active() >= 49);
  gateway.advance(2s);
  CHECK(eventually([&] { return gateway.active() == 0; }));
  for (const auto& client : clients) {
    const ServerFrame close = client->next_close();
    CHECK(close.code() == 1012);
    CHECK(close.reason().rfind("reconnect-after-ms=", 0) == 0);
  }
  gateway.advance(6s);  // They do not answer: the close handshake has a time-out.
  CHECK(eventually([&] { return gateway.gateway().drained(); }));
}

TEST_CASE("what is in flight is answered before the close frame") {
  TestGateway gateway;
  WebSocketClient client = gateway.connect("/tasks");
  testing::Gate gate;
  REQUIRE(gateway.gateway().tasks().submit(gate.task()));
  for (int id = 0; id < 3; ++id) CHECK(client.text(digest_request(id)));
  REQUIRE(eventually([&] { return gateway.gateway().tasks().queued() == 3; }));
  gateway.drain(1000, 0s, 60s);
  gateway.advance(2s);
  CHECK(client.text(digest_request(9)));
  CHECK(client.next_text() == R"({"error":"draining","id":9})");
  gate.open();
  for (int id = 0; id < 3; ++id) {
    const json answer = json::parse(client.next_text());
    CHECK(answer.at("id") == id);
    CHECK(answer.contains("sha256"));
  }
  CHECK(client.next().code() == 1012);
}

TEST_CASE("a drain that is taken back while an answer is owed refuses nothing any more") {
  TestGateway gateway;
  WebSocketClient client = gateway.connect("/tasks");
  testing::Gate gate;
  REQUIRE(gateway.gateway().tasks().submit(gate.task()));
  CHECK(client.text(digest_request(0)));
  REQUIRE(eventually([&] { return gateway.gateway().tasks().queued() == 1; }));
  gateway.drain(1000, 0s, 60s);
  gateway.advance(2s);
  CHECK(client.text(digest_request(1)));
  REQUIRE(client.next_text() == R"({"error":"draining","id":1})");
  CHECK(gateway.admin("DELETE", "/admin/v1/drain").status == 200);
  CHECK(client.text(digest_request(2)));
  REQUIRE(eventually([&] { return gateway.gateway().tasks().queued() == 2; }));  // Taken, not refused.
  gate.open();
  CHECK(json::parse(client.next_text()).at("id") == 0);
  CHECK(json::parse(client.next_text()).at("id") == 2);
  CHECK(gateway.active() == 1);
}

TEST_CASE("a second drain begins anew: it hints, and gives the time that it promises") {
  TestGateway gateway;
  WebSocketClient client = gateway.connect("/tasks?sluice-hints=1");
  testing::Gate gate;
  REQUIRE(gateway.gateway().tasks().submit(gate.task()));
  CHECK(client.text(digest_request(0)));
  REQUIRE(eventually([&] { return gateway.gateway().tasks().queued() == 1; }));
  gateway.drain(1000, 0s, 60s);
  CHECK(json::parse(client.next_text()).contains("reconnect"));
  gateway.advance(5s);
  CHECK(client.text(digest_request(1)));  // The first drain wants it to go, but for the answer that it owes.
  REQUIRE(client.next_text() == R"({"error":"draining","id":1})");
  CHECK(gateway.admin("DELETE", "/admin/v1/drain").status == 200);
  gateway.drain(1000, 30s, 60s);
  CHECK(json::parse(client.next_text()).contains("reconnect"));
  gate.open();
  CHECK(json::parse(client.next_text()).at("id") == 0);
  CHECK(client.text(digest_request(2)));
  CHECK(json::parse(client.next_text()).contains("sha256"));
  CHECK(gateway.active() == 1);
  gateway.advance(32s);
  CHECK(client.next_close().code() == 1012);
}

TEST_CASE("sockets that were never upgraded hold up no drain") {
  TestGateway gateway;
  testing::ClientSocket silent(gateway.ports().listen);
  testing::ClientSocket refused(gateway.ports().listen);
  CHECK(refused.send("GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n"));
  CHECK(refused.read_to_end().substr(0, 12) == "HTTP/1.1 404");  // It does not close its side.
  const Clients clients = connect(gateway, 1);
  gateway.drain(1000, 0s, 60s);
  gateway.advance(100ms);
  CHECK(clients[0]->next().code() == 1012);
  CHECK(clients[0]->raw(client_close(1012)));
  const auto state = [&] { return json::parse(gateway.admin("GET", "/admin/v1/state").body); };
  CHECK(eventually([&] { return state().at("connections").at("total") == 0; }));
  CHECK(state().at("connections").at("byState").at("idle") == 2);
  CHECK(state().at("drain").at("remaining") == 0);
  CHECK(gateway.gateway().drained());
  CHECK(gateway.metric("rtgw_drain_remaining_connections") == 0);
}

TEST_CASE("who talks is closed right behind an answer, so that no request is on its way; not later than a second") {
  TestGateway gateway;
  WebSocketClient talker = gateway.connect("/echo");
  WebSocketClient talked = gateway.connect("/echo");
  const WebSocketClient silent = gateway.connect("/echo");
  for (WebSocketClient* client : {&talker, &talked}) {
    CHECK(client->text("before"));
    CHECK(client->next_text() == "before");
  }
  REQUIRE(eventually([&] { return gateway.active() == 3; }));
  gateway.drain(1000, 0s, 60s);
  gateway.advance(100ms);
  CHECK(eventually([&] { return gateway.active() == 2; }));  // Who never talked has gone.
  CHECK(talker.text("on its way"));
  CHECK(talker.next_text() == "on its way");
  CHECK(talker.next().code() == 1012);
  CHECK(gateway.active() == 1);
  gateway.advance(1100ms);
  CHECK(talked.next().code() == 1012);
}

TEST_CASE("repeating the call changes rate and deadline, not start and initial count") {
  TestGateway gateway;
  const Clients clients = connect(gateway, 10);
  gateway.drain(0.01, 0s, 100s);
  const json first = drain_state(gateway);
  gateway.advance(5s);
  gateway.drain(10, 0s, 200s);
  const json second = drain_state(gateway);
  CHECK(second.at("startedAt") == first.at("startedAt"));
  CHECK(second.at("initial") == 10);
  CHECK(second.at("rate") == 10);
  CHECK(second.at("deadline") != first.at("deadline"));
  for (int i = 0; i < 30; ++i) gateway.advance(50ms);
  CHECK(eventually([&] {
    gateway.advance(50ms);
    return gateway.active() == 0;
  }));
}

TEST_CASE("SIGTERM drains within the grace period, and cannot be taken back") {
  TestGateway gateway([](Config& config) {
    config.drain.termination_grace = 100s;
    config.drain.hint_jitter = 0s;
    config.heartbeat.ping_interval = 1h;  // Nobody here answers a PING.
  });
  const Clients clients = connect(gateway, 10);
  CHECK(testing::http_call(gateway.ports().metrics, "GET", "/readyz").status == 200);
  CHECK(json::parse(gateway.admin("GET", "/admin/v1/state").body).at("terminating").is_null());
  gateway.gateway().terminate();
  CHECK(testing::http_call(gateway.ports().metrics, "GET", "/readyz").status == 503);
  CHECK(testing::http_call(gateway.ports().metrics, "GET", "/healthz").status == 200);
  CHECK(gateway.connect("/echo").status() == 503);
  CHECK(gateway.admin("DELETE", "/admin/v1/drain").status == 409);
  CHECK(drain_state(gateway).at("reason") == "Terminating");
  const auto state = [&] { return json::parse(gateway.admin("GET", "/admin/v1/state").body); };
  const json end = state().at("terminating").at("deadline");
  CHECK(drain_state(gateway).at("deadline") == end);
  // The operator gives it a share of the budget: its rate counts, its deadline does not.
  gateway.drain(0.125, 0s, 1h);
  CHECK(drain_state(gateway).at("rate") == 0.125);
  CHECK(drain_state(gateway).at("deadline") == end);
  CHECK(state().at("terminating").at("deadline") == end);
  CHECK(!gateway.gateway().drained());
  for (int i = 0; i < 80; ++i) gateway.advance(1s);
  CHECK(eventually([&] { return gateway.active() == 0; }));
  for (const auto& client : clients) CHECK(client->next_close().code() == 1012);
}

}  // namespace
}  // namespace sluice::gateway
