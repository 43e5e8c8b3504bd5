// A plain blocking client socket for tests, with a deadline on everything: a test that waits for what never comes fails
// instead of hanging.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice::gateway::testing {

/// How long a test waits for something that should be there at once.
inline constexpr Duration kPatience{60'000};

/// Asks `condition` again and again until it holds; false where it does not within kPatience.
bool eventually(const std::function<bool()>& condition);

class ClientSocket {
 public:
  /// Connects to 127.0.0.1. `receive_buffer_bytes` above 0 keeps the kernel's window small, for slow readers.
  explicit ClientSocket(std::uint16_t port, int receive_buffer_bytes = 0);
  virtual ~ClientSocket();
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  /// Sends everything. False where the peer does not take it within kPatience or has gone.
  virtual bool send(std::string_view bytes);
  /// Sends what fits now; answers how many bytes.
  virtual std::size_t send_now(std::string_view bytes);
  /// What is there now, at most 64 KiB; empty where nothing is.
  virtual std::string read_some();
  /// Waits for at least one byte; empty at the end of the stream, after a reset, or where nothing comes.
  virtual std::string read_waiting();
  std::string read_to_end();
  void end();    ///< Ends our side (FIN).
  void reset();  ///< Closes with a reset (RST).
  [[nodiscard]] std::uint16_t local_port() const;
  [[nodiscard]] bool at_end() const { return at_end_; }

 protected:
  /// Waits for bytes or the end; false where neither comes within kPatience.
  [[nodiscard]] bool wait_readable() const;

 private:
  bool wait(short events) const;
  int descriptor_;
  bool at_end_ = false;
};

}  // namespace sluice::gateway::testing
