// A WebSocket client for tests, blocking, on ClientSocket. It sends whatever it is told, wrong frames included.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/testing/client_frames.h"
#include "gateway/testing/socket.h"

namespace sluice::gateway::testing {

/// A frame from the gateway. `opcode` is kEnd where the stream has ended instead.
struct ServerFrame {
  static constexpr int kEnd = -1;
  int opcode = kEnd;
  bool fin = true;
  std::string payload;
  /// Of a close frame; 1005 where it holds none.
  [[nodiscard]] int code() const;
  [[nodiscard]] std::string reason() const { return payload.size() > 2 ? payload.substr(2) : ""; }
};

class WebSocketClient {
 public:
  /// Connects and asks for an upgrade; `headers` are further lines, each ended by CRLF.
  WebSocketClient(std::uint16_t port, std::string_view path, std::string_view headers = {}, int receive_buffer = 0);
  /// The same on a socket that is connected already.
  WebSocketClient(std::unique_ptr<ClientSocket> socket, std::string_view path, std::string_view headers = {});

  [[nodiscard]] int status() const { return status_; }  ///< 101 where the upgrade was taken.
  [[nodiscard]] const std::string& head() const { return head_; }

  bool text(std::string_view payload) { return socket_->send(client_frame(0x1, payload)); }
  bool binary(std::string_view payload) { return socket_->send(client_frame(0x2, payload)); }
  bool raw(std::string_view bytes) { return socket_->send(bytes); }
  /// Waits for the next frame.
  ServerFrame next();
  /// Waits for the next frame and checks that it is a text; its payload.
  std::string next_text();
  /// Reads frames up to and with the next close frame (or the end).
  ServerFrame next_close();
  [[nodiscard]] ClientSocket& socket() { return *socket_; }

 private:
  bool fill(std::size_t bytes);
  std::unique_ptr<ClientSocket> socket_;
  int status_ = 0;
  std::string head_;
  std::string buffer_;
};

}  // namespace sluice::gateway::testing
