// One TCP connection from connect() to the end of its stream: handshake, frames in, frames out.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/loadgen/frame.h"
#include "bench/loadgen/handshake.h"
#include "bench/loadgen/hint.h"
#include "bench/loadgen/tally.h"
#include "bench/loadgen/workload.h"
#include "common/base/random.h"

namespace sluice::loadgen {

/// Whose connection it is.
struct Endpoint {
  ClientId client = 0;
  Slot slot = Slot::kA;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// What a connection has to tell. Any of its calls may lead to calls of send_*() and drop().
class ConnectionListener {
 public:
  virtual ~ConnectionListener() = default;
  virtual void on_open(Endpoint endpoint) = 0;
  /// The connection never opened; nothing follows.
  virtual void on_refused(Endpoint endpoint, const std::string& reason, std::optional<Duration> retry_after) = 0;
  /// A text or binary message.
  virtual void on_message(Endpoint endpoint, const Incoming& message) = 0;
  /// An open connection has ended for its client; nothing follows.
  virtual void on_end(Endpoint endpoint, const End& end) = 0;
};

/// Bytes move only in on_ready(), read_pending() and the send calls; no call blocks. Threads: one.
class Connection {
 public:
  /// What all connections share; outlives them.
  struct Shared {
    int epoll = -1;
    ConnectionListener& listener;
    Tally& tally;
    Random& random;
    std::vector<char> scratch;  ///< What one read takes at most.
  };
  enum class State : std::uint8_t {
    kConnecting,
    kHandshake,
    kOpen,
    kLingering,  ///< Close frames are exchanged: the server closes the TCP connection first (RFC 6455, section 7.1.1).
    kDone,       ///< The descriptor is closed.
  };

  Connection(Shared& shared, Endpoint endpoint, HandshakeRequest request)
      : shared_(shared), endpoint_(endpoint), request_(std::move(request)), reader_(kMessageBytesMax) {}
  ~Connection() { finish(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Starts to connect; `token` is what epoll answers for it. 0 or an errno, after which on_refused is not called.
  int start(const sockaddr_in& server, const in_addr* source, std::uint64_t token);
  /// epoll said so.
  void on_ready(std::uint32_t events);
  /// Reads what has come, so that a client knows all it can know before it speaks.
  void read_pending();
  void send(const Outgoing& message);
  void send_ping();
  /// Close 1000, once.
  void send_close();
  /// Ends a connection that takes too long to open, as refused with reason "timeout".
  void time_out();
  /// Closes the descriptor; nothing is called back.
  void finish();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
  /// Whether it still belongs to its client: it is not lingering and not done.
  [[nodiscard]] bool live() const { return state_ < State::kLingering; }

  static constexpr std::size_t kMessageBytesMax = 1 << 20;

 private:
  void on_connected();
  void read_frames();
  void read_handshake(std::string_view bytes);
  void on_control(const Incoming& frame);
  void refuse(const std::string& reason, std::optional<Duration> retry_after = std::nullopt);
  void end(const End& how);
  void end_of_stream(int error);
  void queue_frame(Opcode opcode, bool fin, std::string_view payload);
  void flush();
  void watch(bool writable);

  Shared& shared_;
  const Endpoint endpoint_;
  HandshakeRequest request_;
  FrameReader reader_;
  std::string out_;   // What the socket did not take yet; bounded since a client awaits a bounded number of answers.
  std::string head_;  // The handshake's answer so far.
  std::uint64_t token_ = 0;
  std::uint32_t pings_ = 0;
  int fd_ = -1;
  State state_ = State::kDone;
  bool close_sent_ = false;
  bool ping_awaited_ = false;
  bool watching_writable_ = false;
};

}  // namespace sluice::loadgen
