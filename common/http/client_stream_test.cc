#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "common/http/client.h"
#include "common/http/loopback_server.h"

namespace sluice::http {
namespace {

constexpr Duration kLong{20'000};  // a deadline for what is awaited; reached only by a fault
const char* const kOneByte = "HTTP/1.1 200 OK\r\n\r\nx";

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
  LoopbackServer server(answer_once("HTTP/1.1 410 Gone\r\nContent-Length: 7\r\n\r\ntoo old"));
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
  LoopbackServer server(answer_once("HTTP/1.1 500 X\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'e')));
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
    Duration timeout;
    Duration idle_timeout;
    const char* message;
  };
  // Only the limit under test is short: the head may take as long as a slow machine needs.
  const Row rows[] = {{"no head within the request's time-out", "", 60ms, kLong, "no answer within 60 ms"},
                      {"silent for the idle time-out", kOneByte, kLong, 40ms, "nothing came for 40 ms"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LoopbackServer server(answer_and_hold(row.start));
    Client client({});
    Recorder recorder;
    Request request = get(server.url());
    request.timeout = row.timeout;
    const auto stream = client.stream(std::move(request), recorder.callbacks(), row.idle_timeout);
    REQUIRE(recorder.wait_end());
    REQUIRE(!recorder.ends[0].ok());
    CHECK(recorder.ends[0].error().code == ErrorCode::kUnavailable);
    CHECK(recorder.ends[0].error().message.find(row.message) != std::string::npos);
  }
}

TEST_CASE("a stream cut in the middle ends with kUnavailable") {
  LoopbackServer server(answer_once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"));
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
  LoopbackServer server(answer_and_hold(kOneByte));
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
  LoopbackServer server(answer_and_hold(kOneByte));
  Client client({});
  std::vector<std::thread> threads;
  threads.reserve(4);
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
  CHECK(server.wait_all_closed(kLong));
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

}  // namespace sluice::http
