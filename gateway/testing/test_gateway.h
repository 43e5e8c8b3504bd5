// A whole gateway in the test's own process, on free loopback ports, with a clock that the test moves.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ed25519_jwt.h"
#include "gateway/gateway.h"
#include "gateway/testing/socket.h"
#include "gateway/testing/temporary_folder.h"
#include "gateway/testing/websocket_client.h"

namespace sluice::gateway::testing {

struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;
};

/// One request on a connection of its own.
HttpAnswer http_call(std::uint16_t port, std::string_view method, std::string_view path, std::string_view headers = {},
                     std::string_view body = {});

/// A connection that is kept for many requests.
class KeptConnection {
 public:
  explicit KeptConnection(std::uint16_t port) : socket_(port) {}
  HttpAnswer get(std::string_view path);
  bool send(std::string_view bytes) { return socket_.send(bytes); }
  /// The next answer, whose Content-Length says where it ends; its status is 0 where none comes.
  HttpAnswer next();
  [[nodiscard]] ClientSocket& socket() { return socket_; }

 private:
  ClientSocket socket_;
  std::string buffer_;
};

/// The value of a series of /metrics by its line's beginning. The series must be there.
[[nodiscard]] double metric_in(std::string_view text, std::string_view series);

/// What its clients speak.
enum class Wire { kPlain, kTls };

class TestGateway {
 public:
  explicit TestGateway(const std::function<void(Config&)>& change = {}, Wire wire = Wire::kPlain);

  [[nodiscard]] const Ports& ports() const { return gateway_->ports(); }
  [[nodiscard]] Gateway& gateway() { return *gateway_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] WebSocketClient connect(std::string_view path, std::string_view headers = {}, int receive_buffer = 0);
  /// Moves the clock; every shard has done what that makes it do.
  void advance(Duration by);
  /// A call of the admin API with a valid token.
  HttpAnswer admin(std::string_view method, std::string_view path, std::string_view body = {});
  /// Starts a drain through the admin API; every shard has begun with it.
  void drain(double rate, Duration jitter, Duration deadline);
  /// The value of a series by its line's beginning, as in /metrics. The series must be there.
  [[nodiscard]] double metric(std::string_view series);
  [[nodiscard]] std::int64_t active();

 private:
  ManualClock clock_;
  TemporaryFolder keys_;
  TemporaryFolder certificate_;
  SigningKey key_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace sluice::gateway::testing
