// One connection of the server: its handshake, its requests in turn, its time-outs. Private to the server: Boost's
// headers reach no further than the two files that include this one. Threads: the server's I/O thread alone.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/http/server.h"

namespace sluice::http {

/// What the server knows of a connection, whatever its stream.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void close_if_idle() = 0;
  virtual void close() = 0;
  /// When it began to wait for its peer, as a number that grows; 0 while a request is under way.
  [[nodiscard]] virtual std::uint64_t waits_since() const = 0;
};

/// What a connection needs of its server, which outlives it.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  [[nodiscard]] virtual const ServerOptions& options() const = 0;
  [[nodiscard]] virtual bool stopping() const = 0;
  virtual void joined(Connection* connection) = 0;
  virtual void left(Connection* connection) = 0;
  /// For waits_since().
  [[nodiscard]] virtual std::uint64_t next_turn() = 0;
  virtual void request_begins() = 0;
  virtual void request_ends() = 0;
  /// Runs the handler on a worker and `done` on the I/O thread afterwards. False where the queue is full.
  virtual bool handle(ServerRequest request, std::function<void(ServerResponse)> done) = 0;
};

/// Begins a connection's life; it ends by itself, or by close(). Without `tls` it speaks in the clear.
void begin_connection(ConnectionHost& host, boost::asio::ip::tcp::socket socket,
                      std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace sluice::http
