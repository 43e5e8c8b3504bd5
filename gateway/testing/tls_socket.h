// A client socket that speaks TLS and trusts whatever certificate it is shown.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/testing/socket.h"

namespace sluice::gateway::testing {

class TlsClientSocket final : public ClientSocket {
 public:
  /// Connects and shakes hands.
  explicit TlsClientSocket(std::uint16_t port, int receive_buffer_bytes = 0);
  ~TlsClientSocket() override;

  bool send(std::string_view bytes) override;
  std::size_t send_now(std::string_view bytes) override;
  std::string read_some() override;
  std::string read_waiting() override;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
  std::string unsent_;  ///< Records that the socket has not taken.
};

}  // namespace sluice::gateway::testing
