#include "common/http/server.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <future>
#include <thread>

#include "common/http/certificate.h"
#include "common/http/raw_client.h"
#include "common/http/test_server.h"

namespace sluice::http {
namespace {

TEST_CASE("requests of one connection are answered in turn") {
  const auto server = start(local(), echo);
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.send(kGet));
    const std::string answer = client.receive();
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.find("Content-Type: text/plain") != std::string::npos);
    CHECK(answer.ends_with("GET /a%20b ? c=d :  chain=0"));
  }
  // Two at once, and one with a body in chunks.
  REQUIRE(client.send(kGet + "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  CHECK(client.receive().ends_with("GET /a%20b ? c=d :  chain=0"));
  CHECK(client.receive().ends_with("POST /p ?  : abc chain=0"));
  REQUIRE(client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
  CHECK(client.receive().find("Connection: close") != std::string::npos);
  CHECK(client.closed_by_peer());
}

TEST_CASE("an answer to HEAD has no body but its length") {
  const auto server = start(local(), echo);
  RawClient client(server->port());
  REQUIRE(client.send("HEAD /x HTTP/1.1\r\nConnection: close\r\n\r\n"));
  CHECK(client.closed_by_peer());
  const std::string head = client.head_of_response();
  CHECK(head.find("Content-Length: 21\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("what a handler puts into a header cannot end the head") {
  const auto server = start(local(), [](const ServerRequest&) {
    ServerResponse response = ServerResponse::json(200, "{}");
    response.headers.emplace_back("X-Text", "a\r\nX-Forged: b");
    return response;
  });
  RawClient client(server->port());
  REQUIRE(client.send(kGet));
  CHECK(client.receive().find("\r\nX-Forged") == std::string::npos);
}

TEST_CASE("a handler that throws is answered 500 and the connection goes on") {
  const auto server = start(local(), [](const ServerRequest& request) -> ServerResponse {
    if (request.path == "/throw") throw std::runtime_error("no");
    return ServerResponse::text(200, "ok");
  });
  RawClient client(server->port());
  REQUIRE(client.send("GET /throw HTTP/1.1\r\n\r\n"));
  CHECK(client.receive().starts_with("HTTP/1.1 500 "));
  REQUIRE(client.send(kGet));
  CHECK(client.receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("what no handler answers is answered in the words of the options") {
  ServerOptions options = local();
  options.refusal = [](int status, std::string message) {
    return ServerResponse::json(status, "{\"said\":\"" + message + "\"}");
  };
  const auto server = start(options, [](const ServerRequest&) -> ServerResponse { throw std::runtime_error("no"); });
  RawClient client(server->port());
  REQUIRE(client.send(kGet));
  const std::string thrown = client.receive();
  CHECK(thrown.starts_with("HTTP/1.1 500 "));
  CHECK(thrown.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(thrown.ends_with("{\"said\":\"internal error\"}"));
  REQUIRE(client.send("hello there\r\n\r\n"));
  CHECK(client.receive().find("\r\nContent-Type: application/json\r\n") != std::string::npos);
}

TEST_CASE("input beyond the limits or not HTTP is refused and the connection closed") {
  ServerOptions options = local();
  options.header_bytes_max = 1024;
  options.header_fields_max = 10;
  options.body_bytes_max = 16;
  const auto server = start(options, echo);
  struct Row {
    const char* name;
    std::string sent;
    const char* answer;
  };
  const Row rows[] = {
      {"a header too large", "GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n", "HTTP/1.1 431 "},
      {"too many fields", "GET / HTTP/1.1\r\n" + repeated("a:\r\n", 11) + "\r\n", "HTTP/1.1 431 "},
      {"too many fields before a body", "POST / HTTP/1.1\r\nContent-Length: 9\r\n" + repeated("a:\r\n", 11) + "\r\n",
       "HTTP/1.1 431 "},
      {"a body too large", "POST / HTTP/1.1\r\nContent-Length: 17\r\n\r\n01234567890123456", "HTTP/1.1 413 "},
      {"not HTTP", "hello there\r\n\r\n", "HTTP/1.1 400 "},
      {"two lengths that differ", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
       "HTTP/1.1 400 "},
      {"a TLS hello on a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
       "HTTP/1.1 400 "}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RawClient client(server->port());
    REQUIRE(client.send(row.sent));
    CHECK(client.receive().starts_with(row.answer));
    CHECK(client.closed_by_peer());
  }
}

TEST_CASE("silent and slow connections go away by themselves") {
  // Only the limit under test is short: what has to come before it may take as long as a slow machine needs.
  constexpr Duration kShort{100};
  const CertifiedKey identity = certificate("server");
  ServerOptions tls = with_tls(identity);
  ServerOptions plain = local();

  SUBCASE("no handshake comes") {
    tls.handshake_timeout = kShort;
    const auto server = start(tls, echo);
    RawClient client(server->port());
    CHECK(client.closed_by_peer());
  }
  SUBCASE("no request comes after the handshake") {
    tls.header_timeout = kShort;
    const auto server = start(tls, echo);
    RawClient client(server->port());
    REQUIRE(client.handshake());
    CHECK(client.closed_by_peer());
  }
  SUBCASE("half a head comes") {
    plain.header_timeout = kShort;
    const auto server = start(plain, echo);
    RawClient client(server->port());
    REQUIRE(client.send("GET / HTTP/1.1\r\nHost:"));
    CHECK(client.closed_by_peer());
  }
  SUBCASE("half a body comes") {
    plain.header_timeout = kShort;
    const auto server = start(plain, echo);
    RawClient client(server->port());
    REQUIRE(client.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345"));
    CHECK(client.closed_by_peer());
  }
  SUBCASE("no second request comes") {
    plain.idle_timeout = kShort;
    const auto server = start(plain, echo);
    RawClient client(server->port());
    REQUIRE(client.send(kGet));
    CHECK(client.receive().starts_with("HTTP/1.1 200 "));
    CHECK(client.closed_by_peer());
  }
}

TEST_CASE("at the cap the connection that was silent longest makes room for a new one") {
  ServerOptions options = local();
  options.connections_max = 2;
  const auto server = start(options, echo);
  const auto served = [](RawClient& client) {
    return client.send(kGet) && client.receive().starts_with("HTTP/1.1 200 ");
  };
  RawClient oldest(server->port()), slow(server->port());
  REQUIRE(served(oldest));
  REQUIRE(served(slow));
  REQUIRE(served(oldest));
  REQUIRE(slow.send("GET / HTTP/1.1\r\nHost:"));  // half a head is silence too
  RawClient third(server->port());
  REQUIRE(served(third));
  CHECK(slow.closed_by_peer());
  RawClient fourth(server->port());
  REQUIRE(served(fourth));
  CHECK(oldest.closed_by_peer());
  CHECK(served(third));
}

TEST_CASE("a connection whose request is under way makes no room: the new one is closed") {
  ServerOptions options = local();
  options.connections_max = 1;
  std::promise<void> started, release;
  const auto server = start(options, [&](const ServerRequest&) {
    started.set_value();
    release.get_future().wait();
    return ServerResponse::text(200, "ok");
  });
  RawClient busy(server->port());
  REQUIRE(busy.send(kGet));
  started.get_future().wait();
  RawClient second(server->port());
  CHECK(second.closed_by_peer());
  release.set_value();
  CHECK(busy.receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a request that finds the queue full is answered 503 with Retry-After") {
  ServerOptions options = local(1);
  options.queue_max = 1;
  std::promise<void> started, release;
  const auto released = release.get_future().share();
  std::atomic<int> calls = 0;
  const auto server = start(options, [&](const ServerRequest&) {
    if (++calls == 1) started.set_value();
    released.wait();
    return ServerResponse::text(200, "ok");
  });
  RawClient running(server->port()), one(server->port()), two(server->port());
  REQUIRE(running.send(kGet));
  started.get_future().wait();
  REQUIRE(one.send(kGet));
  REQUIRE(two.send(kGet));
  // One of the two takes the only place in the queue and cannot be answered yet: who is answered is the other.
  pollfd sockets[] = {{one.descriptor(), POLLIN, 0}, {two.descriptor(), POLLIN, 0}};
  REQUIRE(::poll(sockets, 2, 20'000) == 1);
  RawClient& refused = sockets[0].revents != 0 ? one : two;
  RawClient& queued = sockets[0].revents != 0 ? two : one;
  const std::string full = refused.receive();
  CHECK(full.starts_with("HTTP/1.1 503 "));
  CHECK(full.find("Retry-After: 1\r\n") != std::string::npos);
  release.set_value();
  CHECK(running.receive().starts_with("HTTP/1.1 200 "));
  CHECK(queued.receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("an answer of any size arrives whole, with and without TLS") {
  const CertifiedKey identity = certificate("server");
  ServerOptions options = with_tls(identity);
  for (const bool tls : {true, false}) {
    options.tls = tls;
    const auto server = start(options, [](const ServerRequest& request) {
      return ServerResponse::text(200, std::string(std::stoul(request.query), 'x'));
    });
    RawClient client(server->port());
    if (tls) REQUIRE(client.handshake());
    for (const std::size_t size : {0, 1, 16'000, 16'384, 40'960, 65'536, 1'000'000, 8'000'000}) {
      CAPTURE(tls);
      CAPTURE(size);
      REQUIRE(client.send("GET /?" + std::to_string(size) + " HTTP/1.1\r\n\r\n"));
      const std::string answer = client.receive();
      REQUIRE(answer.starts_with("HTTP/1.1 200 "));
      CHECK(answer.size() - answer.find("\r\n\r\n") - 4 == size);
    }
  }
}

TEST_CASE("a client that goes away during its request harms nobody") {
  std::promise<void> started, release;
  const auto server = start(local(), [&](const ServerRequest& request) {
    if (request.path == "/slow") {
      started.set_value();
      release.get_future().wait();
    }
    return ServerResponse::text(200, std::string(1 << 20, 'x'));
  });
  {
    RawClient client(server->port());
    REQUIRE(client.send("GET /slow HTTP/1.1\r\n\r\n"));
    started.get_future().wait();
    client.reset();
  }
  release.set_value();
  RawClient other(server->port());
  REQUIRE(other.send(kGet));
  CHECK(other.receive().size() > (1 << 20));
}

TEST_CASE("stop lets the request under way finish and takes no more") {
  std::promise<void> started, release;
  auto server = start(local(), [&](const ServerRequest&) {
    started.set_value();
    release.get_future().wait();
    return ServerResponse::text(200, "finished");
  });
  const std::uint16_t port = server->port();
  RawClient busy(port), idle(port);
  REQUIRE(busy.send(kGet));
  started.get_future().wait();
  auto stopper = std::async(std::launch::async, [&] { server->stop(std::chrono::seconds(20)); });
  CHECK(idle.closed_by_peer());
  release.set_value();
  stopper.get();
  const std::string answer = busy.receive();
  CHECK(answer.ends_with("finished"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK_FALSE(RawClient(port).connected());
}

TEST_CASE("start says what is wrong") {
  const auto server = start(local(), echo);
  ServerOptions taken = local();
  taken.port = server->port();
  auto refused = Server::start(taken, echo);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().message.find("127.0.0.1:" + std::to_string(taken.port)) != std::string::npos);

  ServerOptions no_certificate = local();
  no_certificate.tls = true;
  auto unusable = Server::start(no_certificate, echo);
  REQUIRE_FALSE(unusable.ok());
  CHECK(unusable.error().code == ErrorCode::kInvalid);
}

}  // namespace
}  // namespace sluice::http
