#include "operator/admin_client.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "common/base/duration_text.h"
#include "common/http/loopback_server.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

using http::LoopbackConnection;
using http::LoopbackServer;

constexpr const char* kQuiet = R"({"connections":{"total":3},"drain":null})";

std::string answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

AdminCall call_to(const LoopbackServer& server, AdminCall::Verb verb = AdminCall::Verb::kState) {
  AdminCall call;
  call.verb = verb;
  call.uid = "pod-1";
  call.address = "127.0.0.1:" + std::to_string(server.port());
  return call;
}

struct Fixture {
  SystemClock clock;
  MetricsRegistry metrics;
  SigningKey key = *SigningKey::generate();
  AdminClient client{clock, metrics};

  Fixture() { client.set_key(key); }
  Result<GatewayState> call(AdminCall one) { return std::move(call_all(client, {std::move(one)}).front()); }
};

std::string header_of(const std::string& request, const std::string& name) {
  const auto at = request.find("\r\n" + name + ":");
  if (at == std::string::npos) return {};
  const auto begin = request.find_first_not_of(" :", at + 2 + name.size());
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

}  // namespace

TEST_CASE("a call carries its method, path, body and a token for this pod alone") {
  Fixture fixture;
  std::mutex mutex;
  std::string seen;
  LoopbackServer server([&](LoopbackConnection& connection) {
    const std::string request = connection.read_request();
    {
      const std::lock_guard lock(mutex);
      seen = request;
    }
    connection.send(answer("200 OK", kQuiet));
  });
  const VerificationKeys keys = *VerificationKeys::from_pems({fixture.key.public_pem()});

  REQUIRE(fixture.call(call_to(server)));
  CHECK(seen.starts_with("GET /admin/v1/state HTTP/1.1"));
  const std::string authorization = header_of(seen, "Authorization");
  REQUIRE(authorization.starts_with("Bearer "));
  CHECK(keys.verify(authorization.substr(7), "pod-1", fixture.clock.wall()));
  CHECK_FALSE(keys.verify(authorization.substr(7), "pod-2", fixture.clock.wall()));

  AdminCall drain = call_to(server, AdminCall::Verb::kDrain);
  drain.reason = "ScaleDown";
  drain.deadline = *parse_rfc3339("2026-11-23T10:00:00Z");
  drain.rate_per_second = 66.5;
  drain.close_code = 1012;
  drain.hint_jitter = 30s;
  REQUIRE(fixture.call(drain));
  CHECK(seen.starts_with("PUT /admin/v1/drain HTTP/1.1"));
  CHECK(nlohmann::json::parse(seen.substr(seen.find("\r\n\r\n") + 4)) ==
        nlohmann::json::parse(R"({"reason":"ScaleDown","deadline":"2026-11-23T10:00:00.000000Z",
                                  "ratePerSecond":66.5,"closeCode":1012,"hintJitterMs":30000})"));

  REQUIRE(fixture.call(call_to(server, AdminCall::Verb::kUndrain)));
  CHECK(seen.starts_with("DELETE /admin/v1/drain HTTP/1.1"));

  drain.verb = AdminCall::Verb::kShed;
  drain.id = "rebalance-7";
  drain.count = 40;
  REQUIRE(fixture.call(drain));
  CHECK(seen.starts_with("PUT /admin/v1/shed HTTP/1.1"));
  CHECK(nlohmann::json::parse(seen.substr(seen.find("\r\n\r\n") + 4)) ==
        nlohmann::json::parse(
            R"({"id":"rebalance-7","count":40,"ratePerSecond":66.5,"closeCode":1012,"hintJitterMs":30000})"));
  REQUIRE(fixture.call(call_to(server, AdminCall::Verb::kUnshed)));
  CHECK(seen.starts_with("DELETE /admin/v1/shed HTTP/1.1"));

  AdminCall news = call_to(server, AdminCall::Verb::kNodeStatus);
  news.peer = {"edge-x", "uid-x", "offline", 4};
  REQUIRE(fixture.call(news));
  CHECK(seen.starts_with("POST /admin/v1/node-status HTTP/1.1"));
  CHECK(nlohmann::json::parse(seen.substr(seen.find("\r\n\r\n") + 4)) ==
        nlohmann::json::parse(R"({"pod":"edge-x","uid":"uid-x","status":"offline","severity":4})"));
}

TEST_CASE("what a gateway may answer, and what it means") {
  struct Row {
    const char* name;
    std::string response;
    std::optional<ErrorCode> error;
  };
  const Row rows[] = {
      {"a state", answer("200 OK", kQuiet), std::nullopt},
      {"a state in chunks",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
       "chunked\r\n\r\n10\r\n{\"connections\":{\r\n1a\r\n\"total\":0},\"drain\":null}  \r\n0\r\n\r\n",
       std::nullopt},
      {"not for us", answer("401 Unauthorized", R"({"error":"wrong audience"})"), ErrorCode::kDenied},
      {"a request it refuses", answer("400 Bad Request", R"({"error":"no"})"), ErrorCode::kInvalid},
      {"its own fault", answer("500 Internal Server Error", "oops"), ErrorCode::kUnavailable},
      {"no state", answer("200 OK", "{}"), ErrorCode::kInvalid},
      {"an empty body", answer("200 OK", ""), ErrorCode::kInvalid},
      {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", ErrorCode::kUnavailable},
      {"a body cut short",
       "HTTP/1.1 200 OK\r\nContent-Length: 900\r\nConnection: close\r\n\r\n{\"connections\":{\"total\":0}}",
       ErrorCode::kUnavailable},
      {"nothing: it has cut the connection", "", ErrorCode::kNotFound},
  };
  Fixture fixture;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LoopbackServer server([&](LoopbackConnection& connection) {
      (void)connection.read_request();
      connection.send(row.response);
    });
    const auto result = fixture.call(call_to(server));
    CHECK(result.ok() == !row.error.has_value());
    if (!result && row.error) CHECK(result.error().code == *row.error);
  }
}

TEST_CASE("a redirect is not followed") {
  Fixture fixture;
  LoopbackServer elsewhere(http::answer_always(answer("200 OK", R"({"connections":{"total":0},"drain":null})")));
  LoopbackServer server(http::answer_always("HTTP/1.1 307 Temporary Redirect\r\nLocation: " +
                                            elsewhere.url("/admin/v1/state") + "\r\nContent-Length: 0\r\n\r\n"));
  const auto result = fixture.call(call_to(server));
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kInvalid);
  CHECK(elsewhere.accepted() == 0);
}

TEST_CASE("nobody there, a bad address and no key are errors, never zero") {
  Fixture fixture;
  std::uint16_t port = 0;
  {
    LoopbackServer gone([](LoopbackConnection&) {});
    port = gone.port();
  }
  AdminCall call;
  call.address = "127.0.0.1:" + std::to_string(port);
  CHECK(fixture.call(call).error().code == ErrorCode::kNotFound);
  call.address = "not an address";
  CHECK(fixture.call(call).error().code == ErrorCode::kUnavailable);

  AdminClient keyless(fixture.clock, fixture.metrics);
  CHECK(call_all(keyless, {call}).front().error().code == ErrorCode::kUnavailable);
}

TEST_CASE("silent, dripping and endless gateways end with the time-out") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
  struct Row {
    const char* name;
    LoopbackServer::Script script;
  };
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  const auto pause = [&](Duration time) {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, time, [&] { return over; });
  };
  const Row rows[] = {
      {"silent", [](LoopbackConnection& connection) { connection.wait_closed(); }},
      {"dripping",
       [&](LoopbackConnection& connection) {
         connection.send(head);
         while (pause(100ms)) connection.send(" ");
       }},
      {"endless",
       [&](LoopbackConnection& connection) {
         connection.send(head);
         while (pause(1ms)) connection.send(std::string(4096, 'x'));
       }},
  };
  Fixture fixture;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    over = false;
    {
      LoopbackServer server([&](LoopbackConnection& connection) {
        (void)connection.read_request();
        row.script(connection);
      });
      const auto result = fixture.call(call_to(server));
      CHECK_FALSE(result);
      {
        const std::lock_guard lock(mutex);
        over = true;
      }
      changed.notify_all();
    }
  }
}

TEST_CASE("more calls than places wait their turn and are all answered") {
  Fixture fixture;
  LoopbackServer server([&](LoopbackConnection& connection) {
    (void)connection.read_request();
    connection.send(answer("200 OK", kQuiet));
  });
  std::vector<AdminCall> calls(static_cast<std::size_t>(kAdminCallsMax) * 3, call_to(server));
  const auto answers = call_all(fixture.client, calls);
  CHECK(answers.size() == calls.size());
  for (const auto& one : answers) CHECK(one.ok());
}

}  // namespace sluice::op
