#include "gateway/testing/websocket_client.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <utility>

namespace sluice::gateway::testing {

int ServerFrame::code() const {
  if (payload.size() < 2) return 1005;
  return static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]);
}

WebSocketClient::WebSocketClient(std::uint16_t port, std::string_view path, std::string_view headers,
                                 int receive_buffer)
    : WebSocketClient(std::make_unique<ClientSocket>(port, receive_buffer), path, headers) {}

WebSocketClient::WebSocketClient(std::unique_ptr<ClientSocket> socket, std::string_view path, std::string_view headers)
    : socket_(std::move(socket)) {
  socket_->send("GET " + std::string(path) +
                " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
                std::string(headers) + "\r\n");
  std::size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos && fill(buffer_.size() + 1)) {
  }
  head_ = buffer_.substr(0, end);
  if (head_.size() > 12) status_ = std::atoi(head_.c_str() + 9);
  if (end != std::string::npos) buffer_.erase(0, end + 4);
}

/// Reads until `bytes` bytes are in the buffer; false where the stream ends first.
bool WebSocketClient::fill(std::size_t bytes) {
  while (buffer_.size() < bytes) {
    const std::string piece = socket_->read_waiting();
    if (piece.empty()) return false;
    buffer_ += piece;
  }
  return true;
}

ServerFrame WebSocketClient::next() {
  if (!fill(2)) return {};
  ServerFrame frame;
  frame.fin = (buffer_[0] & 0x80) != 0;
  const int short_length = buffer_[1] & 0x7F;
  CHECK((buffer_[1] & 0x80) == 0);  // A server never masks.
  CHECK((buffer_[0] & 0x70) == 0);
  const std::size_t length_bytes = short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
  if (!fill(2 + length_bytes)) return {};
  std::size_t length = length_bytes == 0 ? static_cast<std::size_t>(short_length) : 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8 | static_cast<std::uint8_t>(buffer_[2 + i]);
  if (!fill(2 + length_bytes + length)) return {};
  frame.opcode = buffer_[0] & 0x0F;
  frame.payload = buffer_.substr(2 + length_bytes, length);
  buffer_.erase(0, 2 + length_bytes + length);
  return frame;
}

std::string WebSocketClient::next_text() {
  const ServerFrame frame = next();
  CHECK(frame.opcode == 0x1);
  return frame.payload;
}

ServerFrame WebSocketClient::next_close() {
  while (true) {
    ServerFrame frame = next();
    if (frame.opcode == 0x8 || frame.opcode == ServerFrame::kEnd) return frame;
  }
}

}  // namespace sluice::gateway::testing
