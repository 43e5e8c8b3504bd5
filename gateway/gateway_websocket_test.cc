// A gateway in this process, spoken to over loopback: what RFC 6455 asks of a server.
#include <doctest/doctest.h>

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

TEST_CASE("messages come back as they were sent") {
  TestGateway gateway([](Config& config) { config.shards = 2; });
  WebSocketClient client = gateway.connect("/echo");
  REQUIRE(client.status() == 101);
  for (const std::size_t size : {0, 1, 125, 126, 65'535, 65'536, 1'048'576}) {
    CAPTURE(size);
    const std::string message(size, 'm');
    CHECK(client.text(message));
    CHECK(client.next().payload == message);
    CHECK(client.binary(message));
    const ServerFrame frame = client.next();
    CHECK(frame.opcode == 0x2);
    CHECK(frame.payload == message);
  }
  client.raw(client_frame(0x1, "frag", {.fin = false}) + client_frame(0x9, "now?") +
             client_frame(0x0, "ment", {.fin = false}) + client_frame(0x0, "ed"));
  const ServerFrame pong = client.next();
  CHECK(pong.opcode == 0xA);
  CHECK(pong.payload == "now?");
  CHECK(client.next_text() == "fragmented");
  CHECK(gateway.metric("rtgw_messages_received_total") == 15);
  CHECK(gateway.metric("rtgw_messages_sent_total") == 15);
}

TEST_CASE("what comes byte by byte, or with the request, is understood all the same") {
  TestGateway gateway;
  testing::ClientSocket socket(gateway.ports().listen);
  const std::string request =
      "GET /echo HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
      client_frame(0x1, "early");
  for (const char byte : request) REQUIRE(socket.send({&byte, 1}));
  std::string answer;
  while (answer.find("\x81\x05"
                     "early") == std::string::npos) {
    const std::string piece = socket.read_waiting();
    REQUIRE(!piece.empty());
    answer += piece;
  }
  CHECK(answer.substr(0, 12) == "HTTP/1.1 101");

  testing::ClientSocket eager(gateway.ports().listen);
  REQUIRE(eager.send(request + client_frame(0x1, "more")));
  answer.clear();
  while (answer.find("\x81\x04"
                     "more") == std::string::npos) {
    const std::string piece = eager.read_waiting();
    REQUIRE(!piece.empty());
    answer += piece;
  }
  CHECK(answer.find("\x81\x05"
                    "early") != std::string::npos);
}

TEST_CASE("violations are answered with their close code, and the stream ends") {
  struct Row {
    const char* name;
    std::string bytes;
    int code;
  };
  const Row rows[] = {{"a frame without a mask", client_frame(0x1, "x", {.masked = false}), 1002},
                      {"a reserved bit", client_frame(0x1, "x", {.reserved = 4}), 1002},
                      {"a reserved opcode", client_frame(0x3, "x"), 1002},
                      {"a continuation of nothing", client_frame(0x0, "x"), 1002},
                      {"a close code that may not be sent", client_close(1006), 1002},
                      {"text that is not UTF-8", client_frame(0x1, "\xFF"), 1007},
                      {"a close reason that is not UTF-8", client_close(1000, "\xFF"), 1007},
                      {"a message above the limit", client_frame(0x2, std::string(2000, 'x')), 1009}};
  TestGateway gateway([](Config& config) { config.limits.message_bytes = 1000; });
  for (const Row& row : rows) {
    CAPTURE(row.name);
    WebSocketClient client = gateway.connect("/echo");
    REQUIRE(client.status() == 101);
    // More behind it: what is already under way must not turn our answer into a reset.
    CHECK(client.raw(row.bytes + client_frame(0x1, std::string(100, 'z'))));
    const ServerFrame close = client.next();
    CHECK(close.opcode == 0x8);
    CHECK(close.code() == row.code);
    CHECK(!close.reason().empty());
    CHECK(client.next().opcode == ServerFrame::kEnd);
  }
  CHECK(eventually([&] { return gateway.gateway().drained(); }));
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"protocol_error\"}") == 5);
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"bad_data\"}") == 2);
  CHECK(gateway.metric("rtgw_connections_closed_total{reason=\"too_large\"}") == 1);
}

TEST_CASE("a client's close is answered with its code") {
  TestGateway gateway;
  for (const int code : {1000, 1001, 3000, 4999}) {
    WebSocketClient client = gateway.connect("/echo");
    CHECK(client.raw(client_frame(0x1, "last") + client_close(static_cast<std::uint16_t>(code), "bye")));
    CHECK(client.next_text() == "last");
    const ServerFrame close = client.next();
    CHECK(close.code() == code);
    CHECK(client.next().opcode == ServerFrame::kEnd);
  }
  WebSocketClient silent = gateway.connect("/echo");
  CHECK(silent.raw(client_frame(0x8, "")));
  CHECK(silent.next().code() == 1005);
  CHECK(eventually([&] { return gateway.metric("rtgw_connections_closed_total{reason=\"client\"}") == 5; }));
  CHECK(gateway.metric("rtgw_connections{protocol=\"ws\",state=\"closing\"}") == 0);
}

TEST_CASE("a request that is no upgrade is refused with a sentence") {
  TestGateway gateway([](Config& config) { config.limits.header_bytes = 1024; });
  const std::uint16_t port = gateway.ports().listen;
  CHECK(testing::http_call(port, "GET", "/").status == 404);
  CHECK(testing::http_call(port, "POST", "/echo").status == 405);
  CHECK(testing::http_call(port, "GET", "/echo").status == 426);
  CHECK(testing::http_call(port, "GET", "/echo", "", "body").status == 413);
  CHECK(testing::http_call(port, "GET", "/echo", "X: " + std::string(2000, 'x') + "\r\n").status == 431);
  const testing::HttpAnswer bad = testing::http_call(port, "GET", "/echo", "no colon\r\n");
  CHECK(bad.status == 400);
  CHECK(bad.body.find("header line") != std::string::npos);
  CHECK(eventually([&] { return gateway.metric("rtgw_handshakes_total{result=\"bad_request\"}") == 5; }));
  CHECK(gateway.metric("rtgw_handshakes_total{result=\"not_found\"}") == 1);
}

TEST_CASE("beyond limits.connections an upgrade gets 503, and a place that is free again is given away") {
  TestGateway gateway([](Config& config) { config.limits.connections = 2; });
  WebSocketClient first = gateway.connect("/echo");
  {
    const WebSocketClient second = gateway.connect("/echo");
    CHECK(second.status() == 101);
    const WebSocketClient third = gateway.connect("/echo");
    CHECK(third.status() == 503);
    CHECK(third.head().find("Retry-After: ") != std::string::npos);
  }
  CHECK(eventually([&] { return gateway.connect("/echo").status() == 101; }));
  CHECK(first.text("still here"));
  CHECK(first.next_text() == "still here");
}

TEST_CASE("subprotocol: sluice.v1 is taken, others are not, extensions are declined") {
  TestGateway gateway;
  const WebSocketClient ours = gateway.connect("/echo", "Sec-WebSocket-Protocol: other, sluice.v1\r\n");
  CHECK(ours.head().find("Sec-WebSocket-Protocol: sluice.v1") != std::string::npos);
  const WebSocketClient other =
      gateway.connect("/echo", "Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Extensions: permessage-deflate\r\n");
  CHECK(other.status() == 101);
  CHECK(other.head().find("Sec-WebSocket-Protocol") == std::string::npos);
  CHECK(other.head().find("Sec-WebSocket-Extensions") == std::string::npos);
}

TEST_CASE("a client that does not finish its request is let go after the handshake time-out") {
  TestGateway gateway;
  testing::ClientSocket silent(gateway.ports().listen);
  testing::ClientSocket slow(gateway.ports().listen);
  slow.send("GET /echo HTTP/1.1\r\n");
  REQUIRE(eventually([&] { return gateway.metric("rtgw_connections{protocol=\"ws\",state=\"idle\"}") == 2; }));
  gateway.advance(11s);
  CHECK(silent.read_to_end().empty());
  CHECK(slow.read_to_end().empty());
  CHECK(gateway.metric("rtgw_handshakes_total{result=\"timeout\"}") == 2);
}

TEST_CASE("a silent client gets a PING; with a PONG it lives, without one it is stale") {
  TestGateway gateway;
  WebSocketClient lively = gateway.connect("/echo");
  WebSocketClient dead = gateway.connect("/echo");
  REQUIRE(eventually([&] { return gateway.active() == 2; }));
  gateway.advance(31s);
  CHECK(lively.next().opcode == 0x9);
  CHECK(dead.next().opcode == 0x9);
  CHECK(lively.raw(client_frame(0xA, "")));
  CHECK(lively.text("and a message"));
  CHECK(lively.next_text() == "and a message");
  gateway.advance(31s);
  const ServerFrame close = dead.next();
  CHECK(close.opcode == 0x8);
  CHECK(close.reason() == "keepalive ping timeout");
  CHECK(lively.next().opcode == 0x9);
  CHECK(gateway.active() == 1);
  gateway.advance(6s);  // It does not answer the close frame either.
  CHECK(dead.next().opcode == ServerFrame::kEnd);
  CHECK(eventually([&] { return gateway.metric("rtgw_connections_closed_total{reason=\"stale\"}") == 1; }));
}

TEST_CASE("who talks is not pinged") {
  TestGateway gateway;
  WebSocketClient client = gateway.connect("/echo");
  for (int i = 0; i < 5; ++i) {
    gateway.advance(20s);
    CHECK(client.text("tick"));
    CHECK(client.next_text() == "tick");  // Not a PING.
  }
}

TEST_CASE("a reset or an end without a close frame frees the connection") {
  TestGateway gateway;
  WebSocketClient reset = gateway.connect("/echo");
  WebSocketClient ended = gateway.connect("/echo");
  REQUIRE(eventually([&] { return gateway.active() == 2; }));
  reset.socket().reset();
  ended.socket().end();
  CHECK(eventually([&] { return gateway.metric("rtgw_connections_closed_total{reason=\"reset\"}") == 2; }));
  CHECK(gateway.active() == 0);
}

}  // namespace
}  // namespace sluice::gateway
