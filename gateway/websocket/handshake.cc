#include "gateway/websocket/handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace sluice::gateway {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

bool is_base64_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/// 16 bytes in base64: 22 digits and two pads.
bool is_key(std::string_view key) {
  return key.size() == 24 && key.substr(22) == "==" && std::all_of(key.begin(), key.begin() + 22, is_base64_char);
}

}  // namespace

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += kGuid;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned digest_bytes = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &digest_bytes, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded;
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest_bytes));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

HttpResponse refusal(int status, std::string_view sentence, std::string_view headers) {
  HttpResponse response;
  response.status = status;
  response.headers = headers;
  response.body = sentence;
  response.body += '\n';
  return response;
}

std::variant<UpgradeOffer, HttpResponse> check_upgrade(const HttpRequest& request) {
  if (request.method != "GET") return refusal(405, "a WebSocket upgrade is a GET request", "Allow: GET\r\n");
  if (!request.body.empty()) return refusal(413, "a WebSocket upgrade has no body");
  if (!request.lists("Upgrade", "websocket") || !request.lists("Connection", "upgrade")) {
    return refusal(426, "this address speaks WebSocket: Upgrade: websocket and Connection: Upgrade are missing",
                   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
  }
  if (request.count("Sec-WebSocket-Version") != 1 || request.header("Sec-WebSocket-Version") != "13") {
    return refusal(426, "the Sec-WebSocket-Version must be 13", "Sec-WebSocket-Version: 13\r\n");
  }
  if (request.count("Sec-WebSocket-Key") != 1 || !is_key(*request.header("Sec-WebSocket-Key"))) {
    return refusal(400, "the Sec-WebSocket-Key must be 16 bytes in base64, once");
  }
  UpgradeOffer offer;
  offer.key = *request.header("Sec-WebSocket-Key");
  offer.subprotocol = request.lists("Sec-WebSocket-Protocol", kSubprotocol);
  offer.hints = offer.subprotocol || query_has(request.query, "sluice-hints", "1");
  return offer;
}

std::string accept_upgrade(const UpgradeOffer& offer) {
  std::string text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  text += accept_key(offer.key);
  if (offer.subprotocol) {
    text += "\r\nSec-WebSocket-Protocol: ";
    text += kSubprotocol;
  }
  return text + "\r\n\r\n";
}

}  // namespace sluice::gateway
