// What lies between a socket's bytes and a connection's: nothing for plaintext, a record layer for TLS. The seam is
// narrow on purpose: a connection without a transport pays nothing for it, and a record layer of our own can take
// OpenSSL's place behind it. Threads: one.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "gateway/engine/block.h"
#include "gateway/engine/io.h"

namespace sluice::gateway {

class Transport {
 public:
  enum class State { kOpen, kEnded, kFailed };

  virtual ~Transport() = default;

  /// Takes what came from the socket and appends what it says to `plain`, at most `wire` decrypted. kEnded: the peer
  /// has ended the stream properly. kFailed: the stream is broken; an alert may still be in take_wire().
  virtual State receive(std::span<const char> wire, std::string& plain) = 0;
  /// Encrypts a prefix of `plain`, answers how many bytes; 0 before the handshake is done. What came of it is in
  /// take_wire().
  virtual std::size_t send(std::span<const Slice> plain) = 0;
  /// Says goodbye: nothing is sent after it.
  virtual void end() = 0;
  /// Bytes for the socket (handshake, records, alerts); an empty reference where there are none.
  [[nodiscard]] virtual BlockRef take_wire() = 0;
  /// Bytes held between calls, beyond the session itself; 0 where nothing is half sent.
  [[nodiscard]] virtual std::size_t held_bytes() const = 0;
};

/// Makes transports for accepted connections. Threads: any.
class TransportFactory {
 public:
  virtual ~TransportFactory() = default;
  /// nullptr where it cannot (no memory).
  [[nodiscard]] virtual std::unique_ptr<Transport> make() = 0;
};

}  // namespace sluice::gateway
