#include "common/http/client.h"

#include <doctest/doctest.h>

#include <future>

#include "common/http/loopback_server.h"

namespace sluice::http {
namespace {

constexpr Duration kLong{20'000};  // a deadline for what is awaited; reached only by a fault

Request get(const std::string& url) {
  Request request;
  request.url = url;
  return request;
}

}  // namespace

TEST_CASE("send answers what the server said") {
  struct Row {
    std::string name;
    const char* response;
    int status;
    const char* body;
  };
  const Row rows[] = {
      {"a body with its length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
      {"a chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200,
       "abcde"},
      {"a body that ends with the connection", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", 200,
       "all of it"},
      {"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"an error is an answer", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 404, "gone"},
      {"an error whose text is cut keeps its status", "HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nwho", 401, "who"},
      {"a redirect is an answer, too", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, ""},
      {"an interim response is skipped",
       "HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LoopbackServer server(answer_once(row.response));
    Client client({});
    const Result<Response> answer = client.send(get(server.url()));
    REQUIRE(answer.ok());
    CHECK(answer->status == row.status);
    CHECK(answer->body == row.body);
    CHECK(answer->header("x-a").empty());
  }
}

TEST_CASE("response headers are read by lower-case names") {
  LoopbackServer server(
      answer_once("HTTP/1.1 429 Slow Down\r\nRetry-After:  7 \r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"));
  Client client({});
  const Result<Response> answer = client.send(get(server.url()));
  REQUIRE(answer.ok());
  CHECK(answer->header("retry-after") == "7");
  CHECK(answer->header("x-empty").empty());
  CHECK(answer->header("absent").empty());
}

TEST_CASE("send puts method, headers and body on the wire") {
  struct Row {
    std::string name;
    const char* method;
    const char* body;
    const char* first_line;
    bool has_length;
  };
  const Row rows[] = {{"GET sends no body", "GET", "", "GET /a%20b?c=d HTTP/1.1\r\n", false},
                      {"POST", "POST", "{}", "POST /a%20b?c=d HTTP/1.1\r\n", true},
                      {"POST of nothing says so", "POST", "", "POST /a%20b?c=d HTTP/1.1\r\n", true},
                      {"PATCH", "PATCH", "[1]", "PATCH /a%20b?c=d HTTP/1.1\r\n", true},
                      {"DELETE without a body", "DELETE", "", "DELETE /a%20b?c=d HTTP/1.1\r\n", false},
                      {"DELETE with a body", "DELETE", "{\"x\":1}", "DELETE /a%20b?c=d HTTP/1.1\r\n", true}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::promise<std::string> seen;
    LoopbackServer server([&](LoopbackConnection& connection) {
      seen.set_value(connection.read_request());
      connection.send(ok_response(""));
    });
    Client client({.user_agent = "sluice-test/1"});
    Request request = get(server.url("/a%20b?c=d"));
    request.method = row.method;
    request.body = row.body;
    request.headers = {{"Accept", "application/json"}, {"X-Empty", ""}};
    REQUIRE(client.send(std::move(request)).ok());
    const std::string wire = seen.get_future().get();
    CHECK(wire.substr(0, std::string_view(row.first_line).size()) == row.first_line);
    CHECK(wire.find("\r\nUser-Agent: sluice-test/1\r\n") != std::string::npos);
    CHECK(wire.find("\r\nAccept: application/json\r\n") != std::string::npos);
    CHECK(wire.find("\r\nX-Empty:") != std::string::npos);
    CHECK(wire.find("Expect:") == std::string::npos);
    CHECK(wire.find("Content-Type:") == std::string::npos);
    CHECK((wire.find("\r\nContent-Length: " + std::to_string(std::string_view(row.body).size())) !=
           std::string::npos) == row.has_length);
    CHECK(wire.substr(wire.find("\r\n\r\n") + 4) == row.body);
  }
}

TEST_CASE("a large body goes out whole") {
  std::promise<std::string> seen;
  LoopbackServer server([&](LoopbackConnection& connection) {
    seen.set_value(connection.read_request());
    connection.send(ok_response("done"));
  });
  Client client({});
  Request request = get(server.url());
  request.method = "POST";
  request.body.assign(3u << 20, 'x');
  REQUIRE(client.send(std::move(request)).ok());
  const std::string wire = seen.get_future().get();
  CHECK(wire.size() - wire.find("\r\n\r\n") - 4 == (3u << 20));
}

TEST_CASE("transport failures say whether to try again, and hold no secret") {
  struct Row {
    std::string name;
    const char* response;
    ErrorCode code;
  };
  const Row rows[] = {
      {"closed without an answer", "", ErrorCode::kUnavailable},
      {"cut inside the headers", "HTTP/1.1 200 OK\r\nContent-Le", ErrorCode::kUnavailable},
      {"cut inside the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", ErrorCode::kUnavailable},
      {"cut inside a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nshort",
       ErrorCode::kUnavailable},
      {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", ErrorCode::kUnavailable},
      {"longer than allowed", "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", ErrorCode::kInvalid},
      {"a chunked body longer than allowed",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n",
       ErrorCode::kInvalid}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LoopbackServer server(answer_once(row.response));
    Client client({});
    Request request = get(server.url("/path?token=s3cret"));
    request.url.insert(7, "user:s3cret@");
    request.headers = {{"Authorization", "Bearer s3cret"}};
    request.response_bytes_max = 16;
    const Result<Response> answer = client.send(std::move(request));
    REQUIRE(!answer.ok());
    CHECK(answer.error().code == row.code);
    CHECK(answer.error().message.find("GET http://127.0.0.1:") == 0);
    CHECK(answer.error().message.find("/path: ") != std::string::npos);
    CHECK(answer.error().message.find("s3cret") == std::string::npos);
  }
}

TEST_CASE("a body of exactly the allowed length is taken") {
  LoopbackServer server(answer_once(ok_response("0123456789abcdef")));
  Client client({});
  Request request = get(server.url());
  request.response_bytes_max = 16;
  CHECK(client.send(std::move(request)).ok());
}

TEST_CASE("calls that cannot be made end with kInvalid or kUnavailable") {
  struct Row {
    std::string name;
    const char* url;
    const char* header_value;
    ErrorCode code;
  };
  const Row rows[] = {
      {"nobody listens", "http://127.0.0.1:1/", "x", ErrorCode::kUnavailable},
      {"not a URL", "http://[", "x", ErrorCode::kInvalid},
      {"a file is no server", "file:///etc/hostname", "x", ErrorCode::kInvalid},
      {"a header cannot smuggle another one in", "http://127.0.0.1:1/", "s3cret\r\nX: y", ErrorCode::kInvalid}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Client client({});
    Request request = get(row.url);
    request.headers = {{"Authorization", row.header_value}};
    const Result<Response> answer = client.send(std::move(request));
    REQUIRE(!answer.ok());
    CHECK(answer.error().code == row.code);
    CHECK(answer.error().message.find("s3cret") == std::string::npos);
  }
}

TEST_CASE("a call ends at its time-out, also in the middle of the body") {
  for (const char* start : {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"}) {
    CAPTURE(start);
    LoopbackServer server(answer_and_hold(start));
    Client client({});
    Request request = get(server.url());
    request.timeout = 50ms;
    const Result<Response> answer = client.send(std::move(request));
    REQUIRE(!answer.ok());
    CHECK(answer.error().code == ErrorCode::kUnavailable);
    CHECK(answer.error().message.find("no answer within 50 ms") != std::string::npos);
  }
}

TEST_CASE("connections are reused, and one that died meanwhile is replaced") {
  std::atomic<int> served{0};
  LoopbackServer server([&](LoopbackConnection& connection) {
    // Each connection answers two requests and is closed then.
    for (int i = 0; i < 2 && !connection.read_request().empty(); ++i) {
      ++served;
      connection.send(ok_response("ok"));
    }
  });
  Client client({});
  for (int i = 0; i < 6; ++i) {
    const Result<Response> answer = client.send(get(server.url()));
    REQUIRE(answer.ok());
  }
  CHECK(served == 6);
  CHECK(server.accepted() == 3);
}

TEST_CASE("after a call that nothing came back for the next one has a connection of its own") {
  // The peer's kernel goes on acknowledging, so that only silence tells: a frozen program, a proxy that swallows bytes.
  std::promise<void> two_open;
  std::atomic<bool> frozen{false};
  std::atomic<int> asked{0};
  LoopbackServer server([&, both = two_open.get_future().share()](LoopbackConnection& connection) {
    const bool was_open = !frozen;
    while (!connection.read_request().empty()) {
      if (was_open && frozen) return connection.wait_closed();
      if (++asked == 2) two_open.set_value();
      both.wait();
      connection.send(ok_response("ok"));
    }
  });
  Client client({});
  std::promise<void> first, second;
  for (std::promise<void>* done : {&first, &second}) {
    client.send_async(get(server.url()), [done](const Result<Response>&) { done->set_value(); });
  }
  first.get_future().wait();
  second.get_future().wait();
  frozen = true;
  Request request = get(server.url());
  request.timeout = 50ms;
  CHECK(!client.send(std::move(request)).ok());
  CHECK(client.send(get(server.url())).ok());
  CHECK(client.send(get(server.url())).ok());
  CHECK(server.accepted() == 3);
}

TEST_CASE("a peer that takes no data for longer than peer_lost_after is given up") {
  std::promise<void> over;
  LoopbackServer server([until = over.get_future().share()](LoopbackConnection&) { until.wait(); });
  Client client({.peer_lost_after = 1s});
  Request request = get(server.url());
  request.method = "POST";
  request.body.assign(32u << 20, 'x');  // more than fits into both sides' buffers
  request.timeout = kLong;
  const Result<Response> answer = client.send(std::move(request));
  over.set_value();
  REQUIRE(!answer.ok());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
  CHECK(answer.error().message.find("no answer within") == std::string::npos);
}

TEST_CASE("many calls at once share the allowed connections") {
  LoopbackServer server(answer_always(ok_response("ok")));
  Client client({.connections_max = 3});
  std::atomic<int> good{0};
  std::promise<void> all;
  std::atomic<int> left{200};
  for (int i = 0; i < 200; ++i) {
    client.send_async(get(server.url()), [&](const Result<Response>& answer) {
      if (answer.ok() && answer->body == "ok") ++good;
      if (--left == 0) all.set_value();
    });
  }
  REQUIRE(all.get_future().wait_for(kLong) == std::future_status::ready);
  CHECK(good == 200);
  CHECK(server.accepted() <= 3);
}

TEST_CASE("a call may start another one from its answer") {
  LoopbackServer server(answer_always(ok_response("ok")));
  Client client({});
  std::promise<int> second;
  client.send_async(get(server.url()), [&](const Result<Response>&) {
    client.send_async(get(server.url()),
                      [&](const Result<Response>& answer) { second.set_value(answer ? answer->status : 0); });
  });
  auto status = second.get_future();
  REQUIRE(status.wait_for(kLong) == std::future_status::ready);
  CHECK(status.get() == 200);
}

TEST_CASE("more calls than are allowed at once are refused") {
  LoopbackServer server([](LoopbackConnection& connection) { connection.wait_closed(); });
  std::atomic<int> refused{0};
  std::atomic<int> cut{0};
  {
    Client client({.connections_max = 1});
    for (int i = 0; i < 4097; ++i) {
      client.send_async(get(server.url()), [&](const Result<Response>& answer) {
        (answer.error().message.find("too many") != std::string::npos ? refused : cut)++;
      });
    }
    CHECK(refused == 1);
  }
  CHECK(cut == 4096);
}

}  // namespace sluice::http
