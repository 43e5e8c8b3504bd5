// The opening handshake on the server's side (RFC 6455, section 4.2): what a request asks for, and the answer.
// Extensions are declined by not being answered.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "gateway/websocket/http_request.h"
#include "gateway/websocket/http_response.h"

namespace sluice::gateway {

/// The subprotocol whose clients understand reconnect hints.
inline constexpr std::string_view kSubprotocol = "sluice.v1";

/// A valid upgrade. The views live as long as the request.
struct UpgradeOffer {
  std::string_view key;      ///< Sec-WebSocket-Key, checked.
  bool subprotocol = false;  ///< sluice.v1 was offered and is taken.
  bool hints = false;        ///< The client understands reconnect hints: by the subprotocol or ?sluice-hints=1.
};

/// A body-less GET that asks for WebSocket version 13; or the refusal: 400, 405, 413 or 426, with a sentence that names
/// what is wrong.
std::variant<UpgradeOffer, HttpResponse> check_upgrade(const HttpRequest& request);

/// A refusal with a plain-text body; the connection is closed after it.
[[nodiscard]] HttpResponse refusal(int status, std::string_view sentence, std::string_view headers = {});

/// The 101 answer.
[[nodiscard]] std::string accept_upgrade(const UpgradeOffer& offer);

/// Sec-WebSocket-Accept for a key: base64(SHA-1(key + GUID)).
[[nodiscard]] std::string accept_key(std::string_view key);

}  // namespace sluice::gateway
