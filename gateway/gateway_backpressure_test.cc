// Slow readers: memory stays bounded, others do not suffer.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "gateway/testing/test_gateway.h"

namespace sluice::gateway {
namespace {

using testing::client_close;
using testing::client_frame;
using testing::eventually;
using testing::ServerFrame;
using testing::TestGateway;
using testing::WebSocketClient;
using testing::Wire;

constexpr std::size_t kKiB = 1024;
constexpr int kSmallWindow = 4096;

void small_queues(Config& config) {
  config.limits.send_queue_high_bytes = 32 * kKiB;
  config.limits.send_queue_low_bytes = 8 * kKiB;
  config.limits.send_queue_max_bytes = 128 * kKiB;
}

double queued(TestGateway& gateway) {
  return gateway.metric("rtgw_send_queue_bytes");
}

/// Sends `frame` again and again until the gateway takes no more; answers the most memory its send queues held.
double stuff(TestGateway& gateway, WebSocketClient& client, const std::string& frame) {
  std::string pending;  // Frames go whole, however little the socket takes at a time.
  double most = 0;
  for (int idle = 0; idle < 50;) {
    if (pending.empty()) pending = frame;
    const std::size_t sent = client.socket().send_now(pending);
    pending.erase(0, sent);
    idle = sent > 0 ? 0 : idle + 1;
    if (sent == 0) most = std::max(most, queued(gateway));
  }
  return most;
}

/// The test case runs twice: in plain text, then through TLS.
Wire each_wire() {
  Wire wire = Wire::kPlain;
  SUBCASE("in plain text") {}
  SUBCASE("through TLS") {
    wire = Wire::kTls;
  }
  return wire;
}

TEST_CASE("an echo client that does not read cannot grow its queue beyond the high mark and one read") {
  const Wire wire = each_wire();
  TestGateway gateway(small_queues, wire);
  WebSocketClient slow = gateway.connect("/echo", "", kSmallWindow);
  const double most = stuff(gateway, slow, client_frame(0x2, std::string(1000, 'x')));
  CHECK(most > 8 * kKiB);                           // It waits between the marks.
  CHECK(most < 32 * kKiB + std::size_t{2} * 1100);  // The message that crossed the mark, and no more.
  // Others are served meanwhile.
  WebSocketClient other = gateway.connect("/echo");
  CHECK(other.text("hello"));
  CHECK(other.next_text() == "hello");
  // Once it reads, everything comes.
  std::size_t bytes = 0;
  CHECK(eventually([&] {
    bytes += slow.socket().read_some().size();
    return queued(gateway) == 0;
  }));
  CHECK(bytes > 32 * kKiB);
}

TEST_CASE("pings cannot be used to grow a queue either") {
  TestGateway gateway(small_queues);
  WebSocketClient slow = gateway.connect("/echo", "", kSmallWindow);
  std::string burst;
  for (int i = 0; i < 1000; ++i) burst += client_frame(0x9, "");
  const double most = stuff(gateway, slow, burst);
  CHECK(most > 8 * kKiB);  // It waits between the marks.
  CHECK(most < 33 * kKiB);
}

TEST_CASE("a subscriber that is too far behind is closed with 1013, and its memory is free at once") {
  const Wire wire = each_wire();
  TestGateway gateway(small_queues, wire);
  WebSocketClient slow = gateway.connect("/topics", "", kSmallWindow);
  WebSocketClient reader = gateway.connect("/topics");
  WebSocketClient publisher = gateway.connect("/topics");
  for (WebSocketClient* client : {&slow, &reader}) {
    CHECK(client->text(R"({"op":"subscribe","topic":"t"})"));
    CHECK(client->next_text() == R"({"ok":"subscribe","topic":"t"})");
  }
  const std::string publish = R"({"op":"publish","topic":"t","data":")" + std::string(4000, 'd') + "\"}";
  double most = 0;
  int published = 0;
  const auto closes = [&] { return gateway.metric("rtgw_slow_consumer_closes_total"); };
  while (closes() == 0 && published < 10'000) {
    CHECK(publisher.text(publish));
    CHECK(publisher.next_text() == R"({"ok":"publish","topic":"t"})");
    CHECK(reader.next_text().size() > 4000);  // Who reads misses nothing.
    ++published;
    most = std::max(most, queued(gateway));
  }
  CHECK(closes() == 1);
  CHECK(most <= 128 * kKiB + std::size_t{3} * 4200);  // What the two others are being sent right now counts, too.
  CHECK(eventually([&] { return queued(gateway) < 8 * kKiB; }));
  const ServerFrame close = slow.next_close();
  CHECK(close.code() == 1013);
  CHECK(close.reason() == "slow consumer");
}

TEST_CASE("a message that no queue can take is refused to its publisher, and no subscriber is closed for it") {
  TestGateway gateway([](Config& config) {
    config.limits.message_bytes = 16 * kKiB;
    config.limits.send_queue_high_bytes = 32 * kKiB;
    config.limits.send_queue_low_bytes = 8 * kKiB;
    config.limits.send_queue_max_bytes = 48 * kKiB;
  });
  WebSocketClient subscriber = gateway.connect("/topics");
  WebSocketClient publisher = gateway.connect("/topics");
  CHECK(subscriber.text(R"({"op":"subscribe","topic":"t"})"));
  CHECK(subscriber.next_text() == R"({"ok":"subscribe","topic":"t"})");
  // 4 bytes each as it comes, 13 as it is written anew.
  std::string numbers = "[1E9";
  while (numbers.size() < 15 * kKiB) numbers += ",1E9";
  CHECK(publisher.text(R"({"op":"publish","topic":"t","data":)" + numbers + "]}"));
  CHECK(publisher.next_text() == R"({"error":"data is too large"})");
  CHECK(publisher.text(R"({"op":"publish","topic":"t","data":1})"));
  CHECK(publisher.next_text() == R"({"ok":"publish","topic":"t"})");
  CHECK(subscriber.next_text() == R"({"data":1,"topic":"t"})");
  CHECK(gateway.metric("rtgw_slow_consumer_closes_total") == 0);
}

TEST_CASE("a client that never reads and never moves is stale, paused or not") {
  const Wire wire = each_wire();
  TestGateway gateway(small_queues, wire);
  WebSocketClient stuck = gateway.connect("/echo", "", kSmallWindow);
  CHECK(stuff(gateway, stuck, client_frame(0x2, std::string(1000, 'x'))) > 8 * kKiB);
  const double before = queued(gateway);
  gateway.advance(31s);
  CHECK(eventually([&] { return queued(gateway) > before; }));  // The PING.
  gateway.advance(31s);
  CHECK(eventually([&] { return gateway.active() == 0; }));
  CHECK(eventually([&] {
    gateway.advance(6s);  // Its kernel may still take a little, which looks like reading.
    return queued(gateway) == 0;
  }));
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"stale\"}") == 1);
}

TEST_CASE("a drain gives a client that reads slowly all that was queued for it, and its close frame") {
  const Wire wire = each_wire();
  TestGateway gateway([](Config& config) { config.limits.send_queue_max_bytes = 4096 * kKiB; }, wire);
  WebSocketClient slow = gateway.connect("/topics", "", kSmallWindow);
  WebSocketClient publisher = gateway.connect("/topics");
  CHECK(slow.text(R"({"op":"subscribe","topic":"t"})"));
  CHECK(slow.next_text() == R"({"ok":"subscribe","topic":"t"})");
  const std::string publish = R"({"op":"publish","topic":"t","data":")" + std::string(40'000, 'd') + "\"}";
  int published = 0;
  for (; queued(gateway) < 1024 * kKiB; ++published) {
    REQUIRE(publisher.text(publish));
    REQUIRE(publisher.next_text() == R"({"ok":"publish","topic":"t"})");
  }
  CHECK(publisher.raw(client_close(1000)));
  CHECK(publisher.next_close().code() == 1000);
  gateway.drain(1000, 0s, 1h);
  gateway.advance(2s);
  REQUIRE(gateway.active() == 0);
  // Whenever it has taken something, four seconds pass: more than five in all.
  int read = 0;
  int pauses = 0;
  for (; queued(gateway) > 256 * kKiB; ++pauses) {
    const double before = queued(gateway);
    while (queued(gateway) >= before) {
      REQUIRE(slow.next_text().size() > 40'000);
      ++read;
    }
    gateway.advance(4s);
  }
  CHECK(pauses > 1);
  for (; read < published; ++read) REQUIRE(slow.next_text().size() > 40'000);
  CHECK(slow.next().code() == 1012);
  CHECK(slow.raw(client_close(1012)));
  CHECK(eventually([&] { return gateway.gateway().drained(); }));
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"drain\"}") == 1);
}

}  // namespace
}  // namespace sluice::gateway
