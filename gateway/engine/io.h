// The engine's input and output: operations are submitted, completions are polled. The interface is io_uring's shape,
// because epoll can emulate completions and io_uring cannot emulate readiness.
//
//   submit_accept   goes on until cancelled; a completion a connection, with the peer's address
//   submit_receive  goes on until cancelled or the stream ends; a completion a chunk, in a buffer that the shard owns
//   submit_send     one completion; at most one send a socket is under way
//   submit_close    one completion, always the last one of its socket
//   cancel          ends an accept or a receive; no completion of its own
//   timer           poll()'s time-out: TimerWheel multiplexes all timers of a shard on it
//
// What both kinds of backend keep to, and callers rely on:
// - A completion carries the token of the submission. Tokens of dead connections may come back: a token should hold a
//   generation, so that a late completion is recognised (Slab's ids do).
// - A receive that was cancelled may still complete for data that had arrived before.
// - A send always completes, before its socket's close does: the bytes must stay where they are until then.
// - A socket's number may be given to a new connection once close was submitted: do not use it afterwards.
// - poll() answers a bounded number of completions and at most one chunk a socket, so that no connection starves
//   another. A chunk is valid, and may be written to, until the next poll().
// Errors are negative errno values in Completion::result. Threads: one, except wake().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "gateway/engine/address.h"

namespace sluice::gateway {

/// A backend's name for a listener or a connection; not a file descriptor.
using Socket = std::uint32_t;
inline constexpr Socket kNoSocket = 0;

/// What the submitter wants to hear back; the backend does not look at it.
using Token = std::uint64_t;

enum class Operation : std::uint8_t { kAccept, kReceive, kSend, kClose };

/// The end, or one step, of a submitted operation.
struct Completion {
  Operation operation = Operation::kClose;
  /// accept: 0; receive: bytes, 0 where the peer has ended its side; send: bytes taken, maybe fewer than submitted;
  /// close: 0. Negative errno where it failed. A failed receive or accept has ended and may be submitted again.
  std::int32_t result = 0;
  Token token = 0;
  Socket accepted = kNoSocket;  ///< accept only.
  SocketAddress peer;           ///< accept only.
  std::span<char> data;         ///< receive only.
};

/// Bytes to send.
struct Slice {
  const char* data = nullptr;
  std::size_t size = 0;
};

/// At most so many slices go into one send; more are cut off (the completion says how many bytes were taken).
inline constexpr std::size_t kSlicesMax = 64;
/// The longest chunk of a receive, and all chunks of a poll together.
inline constexpr std::size_t kChunkBytesMax = std::size_t{16} * 1024;
inline constexpr std::size_t kChunksBytesMax = std::size_t{256} * 1024;
static_assert(kChunksBytesMax >= 4 * kChunkBytesMax, "several connections must get their turn in one poll");

/// Connections that one listener accepts in one poll.
inline constexpr std::size_t kAcceptsPerPollMax = 64;

struct ListenOptions {
  int backlog = 4096;
  bool share_port = false;  ///< SO_REUSEPORT: several shards listen on one port and the kernel spreads connections.
};

class Io {
 public:
  virtual ~Io() = default;

  /// Binds and listens; `address.port` 0 takes a free port. Errors: kUnavailable with the address and the reason.
  virtual Result<Socket> listen(const SocketAddress& address, const ListenOptions& options) = 0;
  virtual Result<SocketAddress> local_address(Socket socket) = 0;

  virtual void submit_accept(Socket listener, Token token) = 0;
  virtual void submit_receive(Socket socket, Token token) = 0;
  virtual void submit_send(Socket socket, Token token, std::span<const Slice> slices) = 0;
  virtual void submit_close(Socket socket, Token token) = 0;
  virtual void cancel(Socket socket, Operation operation) = 0;
  /// Ends our side of the stream (FIN after what was sent); receiving goes on.
  virtual void shutdown_send(Socket socket) = 0;
  /// Bytes that a send has taken and the peer's machine has not acknowledged: while they become fewer, the peer reads.
  [[nodiscard]] virtual std::size_t unacknowledged(Socket socket) = 0;

  /// Waits at most `at_most` for completions; may answer none. The answer is valid until the next call.
  virtual std::span<const Completion> poll(Duration at_most) = 0;
  /// Ends a poll() that waits, or the next one. Threads: any.
  virtual void wake() = 0;
};

/// The backend on epoll. Errors: kUnavailable (no descriptors left).
Result<std::unique_ptr<Io>> make_epoll_io();

}  // namespace sluice::gateway
