#include "common/http/client.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "common/http/loopback_server.h"

namespace sluice::http {
namespace {

constexpr Duration kLong{20'000};  // a deadline for what is awaited; reached only by a fault

std::string ok_response(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

/// Answers each request of a connection with `response`.
LoopbackServer::Script always(std::string response) {
  return [response = std::move(response)](LoopbackConnection& connection) {
    while (!connection.read_request().empty()) connection.send(response);
  };
}

/// Sends `bytes` for the first request and closes.
LoopbackServer::Script once(std::string bytes) {
  return [bytes = std::move(bytes)](LoopbackConnection& connection) {
    if (!connection.read_request().empty()) connection.send(bytes);
  };
}

Request get(const std::string& url) {
  Request request;
  request.url = url;
  return request;
}

/// What a stream has told so far; waits for what is expected next.
struct Recorder {
  std::mutex mutex;
  std::condition_variable changed;
  int head_status = 0;
  std::string data;
  std::vector<Result<Response>> ends;

  Client::StreamCallbacks callbacks() {
    Client::StreamCallbacks out;
    out.on_head = [this](const Response& head) { change([&] { head_status = head.status; }); };
    out.on_data = [this](std::string_view piece) { change([&] { data += piece; }); };
    out.on_end = [this](Result<Response> end) { change([&] { ends.push_back(std::move(end)); }); };
    return out;
  }
  template <typename Change>
  void change(Change apply) {
    const std::lock_guard lock(mutex);
    apply();
    changed.notify_all();
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kLong, condition);
  }
  bool wait_end() {
    return wait([this] { return !ends.empty(); });
  }
};

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
    LoopbackServer server(once(row.response));
    Client client({});
    const Result<Response> answer = client.send(get(server.url()));
    REQUIRE(answer.ok());
    CHECK(answer->status == row.status);
    CHECK(answer->body == row.body);
    CHECK(answer->header("x-a").empty());
  }
}

TEST_CASE("response headers are read by lower-case names") {
  LoopbackServer server(once("HTTP/1.1 429 Slow Down\r\nRetry-After:  7 \r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"));
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
    LoopbackServer server(once(row.response));
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
  LoopbackServer server(once(ok_response("0123456789abcdef")));
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
    LoopbackServer server([&](LoopbackConnection& connection) {
      connection.read_request();
      connection.send(start);
      connection.wait_closed();
    });
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
    // The third connection and later ones live on; the first two answer two requests each.
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

TEST_CASE("many calls at once share the allowed connections") {
  LoopbackServer server(always(ok_response("ok")));
  Client client({.connections_max = 3});
  std::atomic<int> good{0};
  std::promise<void> all;
  std::atomic<int> left{200};
  for (int i = 0; i < 200; ++i) {
    client.send_async(get(server.url()), [&](Result<Response> answer) {
      if (answer.ok() && answer->body == "ok") ++good;
      if (--left == 0) all.set_value();
    });
  }
  REQUIRE(all.get_future().wait_for(kLong) == std::future_status::ready);
  CHECK(good == 200);
  CHECK(server.accepted() <= 3);
}

TEST_CASE("a call may start another one from its answer") {
  LoopbackServer server(always(ok_response("ok")));
  Client client({});
  std::promise<int> second;
  client.send_async(get(server.url()), [&](Result<Response>) {
    client.send_async(get(server.url()),
                      [&](Result<Response> answer) { second.set_value(answer ? answer->status : 0); });
  });
  auto status = second.get_future();
  REQUIRE(status.wait_for(kLong) == std::future_status::ready);
  CHECK(status.get() == 200);
}

TEST_CASE("the client's end answers pending calls and streams") {
  LoopbackServer server([](LoopbackConnection& connection) {
    if (connection.read_request().find("/stream") != std::string::npos) connection.send("HTTP/1.1 200 OK\r\n\r\nx");
    connection.wait_closed();
  });
  std::promise<Result<Response>> answer;
  Recorder recorder;
  std::unique_ptr<Stream> stream;
  {
    Client client({});
    client.send_async(get(server.url()), [&](Result<Response> result) { answer.set_value(std::move(result)); });
    stream = client.stream(get(server.url("/stream")), recorder.callbacks(), 0ms);
    REQUIRE(recorder.wait([&] { return recorder.data == "x"; }));
  }
  CHECK(answer.get_future().get().error().code == ErrorCode::kUnavailable);
  REQUIRE(recorder.ends.size() == 1);
  CHECK(recorder.ends[0].error().message.find("shut down") != std::string::npos);
  stream.reset();  // after its client: nothing to wait for
}

TEST_CASE("after shut_down nothing waits") {
  LoopbackServer server([](LoopbackConnection& connection) { connection.wait_closed(); });
  Client client({});
  std::promise<Result<Response>> answer;
  client.send_async(get(server.url()), [&](Result<Response> result) { answer.set_value(std::move(result)); });
  client.shut_down();
  CHECK(answer.get_future().get().error().code == ErrorCode::kUnavailable);
  CHECK(client.send(get(server.url())).error().code == ErrorCode::kUnavailable);
  Recorder recorder;
  const auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
  CHECK(recorder.ends.size() == 1);
  client.shut_down();
}

TEST_CASE("more calls than are allowed at once are refused") {
  LoopbackServer server([](LoopbackConnection& connection) { connection.wait_closed(); });
  std::atomic<int> refused{0};
  std::atomic<int> cut{0};
  {
    Client client({.connections_max = 1});
    for (int i = 0; i < 4097; ++i) {
      client.send_async(get(server.url()), [&](Result<Response> answer) {
        (answer.error().message.find("too many") != std::string::npos ? refused : cut)++;
      });
    }
    CHECK(refused == 1);
  }
  CHECK(cut == 4096);
}

TEST_CASE("a stream tells head, pieces and end in order") {
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  LoopbackServer server([&](LoopbackConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    may_go_on.wait();
    connection.send("4\r\ntwo\n\r\n0\r\n\r\n");
  });
  Client client({});
  Recorder recorder;
  const auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
  CHECK(recorder.wait([&] { return recorder.data == "one\n"; }));
  CHECK(recorder.head_status == 200);
  CHECK(recorder.ends.empty());
  go_on.set_value();
  REQUIRE(recorder.wait_end());
  CHECK(recorder.data == "one\ntwo\n");
  REQUIRE(recorder.ends[0].ok());
  CHECK(recorder.ends[0]->status == 200);
}

TEST_CASE("a stream's error comes whole with its end") {
  LoopbackServer server(once("HTTP/1.1 410 Gone\r\nContent-Length: 7\r\n\r\ntoo old"));
  Client client({});
  Recorder recorder;
  const auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
  REQUIRE(recorder.wait_end());
  CHECK(recorder.head_status == 410);
  CHECK(recorder.data.empty());
  REQUIRE(recorder.ends[0].ok());
  CHECK(recorder.ends[0]->body == "too old");
}

TEST_CASE("of a stream's error only the first 64 KiB are kept") {
  LoopbackServer server(once("HTTP/1.1 500 X\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'e')));
  Client client({});
  Recorder recorder;
  const auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
  REQUIRE(recorder.wait_end());
  REQUIRE(recorder.ends[0].ok());
  CHECK(recorder.ends[0]->body.size() == 65'536);
}

TEST_CASE("a stream ends where nothing comes, before and after its head") {
  struct Row {
    std::string name;
    const char* start;
    const char* message;
  };
  const Row rows[] = {{"no head within the request's time-out", "", "no answer within 60 ms"},
                      {"silent for the idle time-out", "HTTP/1.1 200 OK\r\n\r\nx", "nothing came for 40 ms"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LoopbackServer server([&](LoopbackConnection& connection) {
      connection.read_request();
      connection.send(row.start);
      connection.wait_closed();
    });
    Client client({});
    Recorder recorder;
    Request request = get(server.url());
    request.timeout = 60ms;
    const auto stream = client.stream(std::move(request), recorder.callbacks(), 40ms);
    REQUIRE(recorder.wait_end());
    REQUIRE(!recorder.ends[0].ok());
    CHECK(recorder.ends[0].error().code == ErrorCode::kUnavailable);
    CHECK(recorder.ends[0].error().message.find(row.message) != std::string::npos);
  }
}

TEST_CASE("a stream cut in the middle ends with kUnavailable") {
  LoopbackServer server(once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"));
  Client client({});
  Recorder recorder;
  const auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
  REQUIRE(recorder.wait_end());
  CHECK(recorder.data == "one\n");
  CHECK(!recorder.ends[0].ok());
}

TEST_CASE("nothing is told after a stream is destroyed, and its connection is closed") {
  std::promise<void> closed;
  LoopbackServer server([&](LoopbackConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    connection.wait_closed();
    closed.set_value();
  });
  Client client({});
  Recorder recorder;
  auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
  REQUIRE(recorder.wait([&] { return recorder.data == "one\n"; }));
  stream.reset();
  REQUIRE(closed.get_future().wait_for(kLong) == std::future_status::ready);
  CHECK(recorder.ends.empty());
}

TEST_CASE("a stream may be destroyed from another one's callback") {
  LoopbackServer server([](LoopbackConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\n\r\nx");
    connection.wait_closed();
  });
  Client client({});
  Recorder first_told;
  auto first = client.stream(get(server.url()), first_told.callbacks(), kLong);
  REQUIRE(first_told.wait([&] { return first_told.data == "x"; }));
  std::promise<void> destroyed;
  Client::StreamCallbacks callbacks;
  callbacks.on_data = [&](std::string_view) {
    first.reset();
    destroyed.set_value();
  };
  const auto second = client.stream(get(server.url()), std::move(callbacks), kLong);
  REQUIRE(destroyed.get_future().wait_for(kLong) == std::future_status::ready);
  CHECK(first_told.ends.empty());
}

TEST_CASE("streams that come and go from several threads leave nothing behind") {
  LoopbackServer server([](LoopbackConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\n\r\nx");
    connection.wait_closed();
  });
  Client client({});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        Recorder recorder;
        const auto stream = client.stream(get(server.url()), recorder.callbacks(), kLong);
        // Some go before their head is here, some after it.
        if ((i + t) % 2 == 0) CHECK(recorder.wait([&] { return recorder.data == "x"; }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace sluice::http
