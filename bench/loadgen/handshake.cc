#include "bench/loadgen/handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace sluice::loadgen {
namespace {

constexpr std::size_t kHeadBytesMax = 8192;
constexpr std::int64_t kRetryAfterSecondsMax = 3600;

std::string base64(const unsigned char* data, std::size_t size) {
  std::string out((size + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock also writes a terminating zero.
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(size));
  out.resize(static_cast<std::size_t>(written));
  return out;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The headers that matter, each empty where it did not come.
struct Headers {
  std::string_view upgrade, connection, accept, protocol, extensions, retry_after;
  bool well_formed = true;
};

Headers parse_headers(std::string_view lines) {
  Headers headers;
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      headers.well_formed = false;
      return headers;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same_ignoring_case(name, "upgrade")) headers.upgrade = value;
    if (same_ignoring_case(name, "connection")) headers.connection = value;
    if (same_ignoring_case(name, "sec-websocket-accept")) headers.accept = value;
    if (same_ignoring_case(name, "sec-websocket-protocol")) headers.protocol = value;
    if (same_ignoring_case(name, "sec-websocket-extensions")) headers.extensions = value;
    if (same_ignoring_case(name, "retry-after")) headers.retry_after = value;
  }
  return headers;
}

std::optional<Duration> parse_retry_after(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kRetryAfterSecondsMax));
}

HandshakeAnswer broken(const char* fault) {
  HandshakeAnswer answer;
  answer.kind = HandshakeAnswer::Kind::kBroken;
  answer.fault = fault;
  return answer;
}

// Section 4.1, the list of what a client checks in a 101.
const char* fault_of_upgrade(const Headers& headers, const HandshakeRequest& request) {
  if (!same_ignoring_case(headers.upgrade, "websocket")) return "no Upgrade header";
  if (!same_ignoring_case(headers.connection, "upgrade")) return "no Connection header";
  if (headers.accept != websocket_accept(websocket_key(request.nonce))) return "wrong Sec-WebSocket-Accept";
  if (headers.protocol != request.sub_protocol) return "wrong Sec-WebSocket-Protocol";
  if (!headers.extensions.empty()) return "extension that was not offered";
  return nullptr;
}

}  // namespace

std::string websocket_key(const std::array<std::uint8_t, 16>& nonce) {
  return base64(nonce.data(), nonce.size());
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return base64(digest, size);
}

std::string handshake_request_text(const HandshakeRequest& request) {
  std::string text =
      "GET " + request.target + " HTTP/1.1\r\nHost: " + request.host +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + websocket_key(request.nonce) +
      "\r\nSec-WebSocket-Version: 13\r\n";
  if (!request.sub_protocol.empty()) text += "Sec-WebSocket-Protocol: " + request.sub_protocol + "\r\n";
  return text + "\r\n";
}

HandshakeAnswer read_handshake_answer(std::string_view bytes, const HandshakeRequest& request) {
  const std::size_t end = bytes.substr(0, kHeadBytesMax).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() >= kHeadBytesMax ? broken("head too long") : HandshakeAnswer{};
  }
  const std::string_view head = bytes.substr(0, end);
  const std::string_view status_line = head.substr(0, head.find("\r\n"));
  int status = 0;
  if (!status_line.starts_with("HTTP/1.1 ") || status_line.size() < 12 ||
      std::from_chars(status_line.data() + 9, status_line.data() + 12, status).ptr != status_line.data() + 12) {
    return broken("not an HTTP/1.1 answer");
  }
  const bool bare = status_line.size() == head.size();
  const Headers headers = parse_headers(bare ? "" : head.substr(status_line.size() + 2));
  if (!headers.well_formed) return broken("malformed header");
  HandshakeAnswer answer;
  answer.status = status;
  answer.size = end + 4;
  if (status != 101) {
    answer.kind = HandshakeAnswer::Kind::kRefused;
    answer.retry_after = parse_retry_after(headers.retry_after);
    return answer;
  }
  if (const char* fault = fault_of_upgrade(headers, request)) return broken(fault);
  answer.kind = HandshakeAnswer::Kind::kOpen;
  return answer;
}

}  // namespace sluice::loadgen
