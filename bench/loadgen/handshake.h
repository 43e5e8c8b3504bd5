// The client's side of the opening handshake (RFC 6455, sections 4.1 and 4.2.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice::loadgen {

/// What goes into the request.
struct HandshakeRequest {
  std::string host;                      ///< "10.96.0.7:8080"
  std::string target;                    ///< "/echo?sluice-hints=1"
  std::string sub_protocol;              ///< "sluice.v1"; empty asks for none.
  std::array<std::uint8_t, 16> nonce{};  ///< Random, new for each connection.
};

/// The nonce as it stands in Sec-WebSocket-Key.
std::string websocket_key(const std::array<std::uint8_t, 16>& nonce);
/// Sec-WebSocket-Accept for a key: base64(SHA-1(key + GUID)).
std::string websocket_accept(std::string_view key);
std::string handshake_request_text(const HandshakeRequest& request);

struct HandshakeAnswer {
  enum class Kind {
    kNeedMore,  ///< The head is not complete yet.
    kOpen,      ///< 101 and all of it right.
    kRefused,   ///< Another status, whole and well-formed.
    kBroken,    ///< Not HTTP, or a 101 that breaks a rule; `fault` names it.
  };
  Kind kind = Kind::kNeedMore;
  int status = 0;
  std::optional<Duration> retry_after;  ///< From Retry-After in seconds.
  const char* fault = nullptr;          ///< A label for the statistics.
  std::size_t size = 0;                 ///< Bytes of the head; what follows belongs to the frames.
};

/// Reads the answer's head from the start of `bytes`, everything that came so far; at most 8 KiB.
HandshakeAnswer read_handshake_answer(std::string_view bytes, const HandshakeRequest& request);

}  // namespace sluice::loadgen
