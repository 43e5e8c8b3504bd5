#include "bench/loadgen/handshake.h"

#include <doctest/doctest.h>

namespace sluice::loadgen {
namespace {

using Kind = HandshakeAnswer::Kind;

// The nonce of RFC 6455 section 1.3: "the sample nonce".
HandshakeRequest sample(const char* sub_protocol = "") {
  HandshakeRequest request{"server.example.com", "/echo", sub_protocol, {}};
  const std::string nonce = "the sample nonce";
  std::copy(nonce.begin(), nonce.end(), request.nonce.begin());
  return request;
}

const char kGood[] =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

TEST_CASE("RFC 6455 section 1.3: key and accept") {
  CHECK(websocket_key(sample().nonce) == "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("the request names what it asks for") {
  CHECK(handshake_request_text(sample("sluice.v1")) ==
        "GET /echo HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: sluice.v1\r\n\r\n");
  CHECK(handshake_request_text(sample()).find("Protocol") == std::string::npos);
}

TEST_CASE("answers are read strictly") {
  struct Row {
    const char* name;
    std::string answer;
    const char* sub_protocol;
    Kind kind;
    const char* fault;
  };
  const std::string good = kGood;
  const Row rows[] = {
      {"complete", good + "\r\n", "", Kind::kOpen, nullptr},
      {"with frames behind it", good + "\r\n\x81\x01x", "", Kind::kOpen, nullptr},
      {"half a head", good, "", Kind::kNeedMore, nullptr},
      {"nothing yet", "", "", Kind::kNeedMore, nullptr},
      {"the sub-protocol that was offered", good + "Sec-WebSocket-Protocol: sluice.v1\r\n\r\n", "sluice.v1",
       Kind::kOpen, nullptr},
      {"no sub-protocol though one was offered", good + "\r\n", "sluice.v1", Kind::kBroken,
       "wrong Sec-WebSocket-Protocol"},
      {"a sub-protocol that was not offered", good + "Sec-WebSocket-Protocol: sluice.v1\r\n\r\n", "", Kind::kBroken,
       "wrong Sec-WebSocket-Protocol"},
      {"an extension that was not offered", good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "",
       Kind::kBroken, "extension that was not offered"},
      {"someone else's accept",
       "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", "",
       Kind::kBroken, "wrong Sec-WebSocket-Accept"},
      {"no upgrade", "HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n", "", Kind::kBroken, "no Upgrade header"},
      {"no connection", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", "", Kind::kBroken, "no Connection header"},
      {"not found", "HTTP/1.1 404 Not Found\r\n\r\n", "", Kind::kRefused, nullptr},
      {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "", Kind::kBroken, "not an HTTP/1.1 answer"},
      {"a header without a colon", "HTTP/1.1 101 x\r\nnonsense\r\n\r\n", "", Kind::kBroken, "malformed header"},
      {"an endless head", std::string(9'000, 'x'), "", Kind::kBroken, "head too long"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const HandshakeAnswer answer = read_handshake_answer(row.answer, sample(row.sub_protocol));
    CHECK(answer.kind == row.kind);
    CHECK((answer.fault == nullptr) == (row.fault == nullptr));
    if (answer.fault != nullptr && row.fault != nullptr) CHECK(std::string(answer.fault) == row.fault);
  }
  CHECK(read_handshake_answer(good + "\r\nrest", sample()).size == good.size() + 2);
}

TEST_CASE("a refusal carries its Retry-After") {
  struct Row {
    const char* value;
    int seconds;  // -1: none.
  };
  const Row rows[] = {{"2", 2}, {"0", 0}, {"999999", 3600}, {"-1", -1}, {"Wed, 21 Oct 2026 07:28:00 GMT", -1},
                      {"", -1}};
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const HandshakeAnswer answer = read_handshake_answer(
        std::string("HTTP/1.1 503 Service Unavailable\r\nRetry-After: ") + row.value + "\r\n\r\n", sample());
    CHECK(answer.kind == Kind::kRefused);
    CHECK(answer.status == 503);
    CHECK(answer.retry_after.has_value() == (row.seconds >= 0));
    if (answer.retry_after) CHECK(*answer.retry_after == std::chrono::seconds(row.seconds));
  }
}

}  // namespace
}  // namespace sluice::loadgen
