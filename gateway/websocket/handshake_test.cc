#include "gateway/websocket/handshake.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice::gateway {
namespace {

constexpr const char* kBegin = "GET /echo HTTP/1.1\r\nHost: a\r\n";
constexpr const char* kUpgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
constexpr const char* kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
constexpr const char* kVersion = "Sec-WebSocket-Version: 13\r\n";

TEST_CASE("an upgrade is taken, or refused with its status") {
  struct Row {
    const char* name;
    std::string request;
    int status;  // 101: taken.
  };
  const std::string good = std::string(kBegin) + kUpgrade + kKey + kVersion;
  const Row rows[] = {
      {"as the RFC has it", good, 101},
      {"names in other cases", std::string(kBegin) + "upgrade: WebSocket\r\nCONNECTION: upgrade\r\n" + kKey + kVersion,
       101},
      {"an extension is offered and declined", good + "Sec-WebSocket-Extensions: permessage-deflate\r\n", 101},
      {"POST", "POST /echo HTTP/1.1\r\nHost: a\r\n" + std::string(kUpgrade) + kKey + kVersion, 405},
      {"a body", good + "Content-Length: 1\r\n", 413},
      {"no upgrade", std::string(kBegin) + kKey + kVersion, 426},
      {"another upgrade", std::string(kBegin) + "Upgrade: h2c\r\nConnection: Upgrade\r\n" + kKey + kVersion, 426},
      {"no Connection: Upgrade", std::string(kBegin) + "Upgrade: websocket\r\n" + kKey + kVersion, 426},
      {"version 8", std::string(kBegin) + kUpgrade + kKey + "Sec-WebSocket-Version: 8\r\n", 426},
      {"no version", std::string(kBegin) + kUpgrade + kKey, 426},
      {"no key", std::string(kBegin) + kUpgrade + kVersion, 400},
      {"a short key", std::string(kBegin) + kUpgrade + kVersion + "Sec-WebSocket-Key: abc=\r\n", 400},
      {"a key that is not base64",
       std::string(kBegin) + kUpgrade + kVersion + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!==\r\n", 400},
      {"two keys", good + kKey, 400},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    HttpRequestParser parser({.head_bytes_max = 8192, .body_bytes_max = 1});
    const bool body = row.status == 413;
    const std::string bytes = row.request + "\r\n" + (body ? "x" : "");
    REQUIRE(parser.parse(bytes) == HttpParse::kComplete);
    const auto checked = check_upgrade(parser.request());
    const auto* refused = std::get_if<HttpResponse>(&checked);
    CHECK((refused != nullptr ? refused->status : 101) == row.status);
    if (refused != nullptr) CHECK(refused->body.size() > 10);
  }
}

TEST_CASE("who understands hints") {
  struct Row {
    const char* name;
    const char* target;
    const char* header;
    bool subprotocol, hints;
  };
  const Row rows[] = {{"nobody said so", "/echo", "", false, false},
                      {"the query", "/echo?sluice-hints=1", "", false, true},
                      {"the query says no", "/echo?sluice-hints=0", "", false, false},
                      {"the subprotocol", "/echo", "Sec-WebSocket-Protocol: chat, sluice.v1\r\n", true, true},
                      {"another subprotocol", "/echo", "Sec-WebSocket-Protocol: chat\r\n", false, false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    HttpRequestParser parser({});
    const std::string bytes = std::string("GET ") + row.target + " HTTP/1.1\r\nHost: a\r\n" + kUpgrade + kKey +
                              kVersion + row.header + "\r\n";
    REQUIRE(parser.parse(bytes) == HttpParse::kComplete);
    const auto checked = check_upgrade(parser.request());
    const auto* offer = std::get_if<UpgradeOffer>(&checked);
    REQUIRE(offer != nullptr);
    CHECK(offer->subprotocol == row.subprotocol);
    CHECK(offer->hints == row.hints);
    const std::string answer = accept_upgrade(*offer);
    CHECK(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
    CHECK((answer.find("Sec-WebSocket-Protocol: sluice.v1\r\n") != std::string::npos) == row.subprotocol);
    CHECK(answer.substr(0, 12) == "HTTP/1.1 101");
  }
}

}  // namespace
}  // namespace sluice::gateway
