// A WebSocket connection's life.
//
//        accepted
//           |
//           v          time-out, end of stream, reset
//     +-----------+ ----------------------------------------------------------+
//     | handshake |                                                           |
//     |  (idle)   | --- refused: 4xx, 503 ------------------+                 |
//     +-----------+                                         |                 |
//           | 101                                           |                 |
//           v          reset, end of stream                 |                 |
//     +-----------+ ----------------------------------------|---------------->|
//     |   open    |                                         v                 v
//     | (active)  | --- a close frame is queued ---->  +---------+       +--------+
//     +-----------+     by the peer's close (echoed),  | closing | ----> | closed | --> slot is free
//        |     ^        a violation (1002 1007 1009),  +---------+       +--------+     (close completed)
//        +-----+        a drain, a shed, staleness,      both sides' close frames,
//      PING / PONG      a slow consumer, the protocol    end of stream, time-out
//
// In brackets: the label `state` of rtgw_connections (closing counts as closing; a socket that is refused stays idle to
// its end, so that no drain waits for it).
//
// Heartbeat: nothing received for heartbeat.pingInterval -> PING; no PONG within heartbeat.staleAfter -> closed.
// Back-pressure: a send queue above its high mark stops the reading until it is below the low mark; what was read but
// not used waits in `cold_`. So does what is left of a chunk once its messages have made kWorkPerTick of work: it goes
// on in the next tick, after the others. Leaving: a drain that wants to close a connection waits for the answers it is
// owed, and for a quiet moment. Closing: the peer has kCloseTimeout to answer, which begins anew whenever it takes
// something of what is queued ahead of the close frame.
//
// An idle open connection holds no buffer: receive buffers are the shard's, and handshake, send queue and reader state
// are freed when they are empty. Threads: its shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "gateway/engine/block.h"
#include "gateway/engine/io.h"
#include "gateway/engine/send_queue.h"
#include "gateway/engine/timer_wheel.h"
#include "gateway/protocols/protocol.h"
#include "gateway/stats.h"
#include "gateway/tls/transport.h"
#include "gateway/websocket/http_request.h"
#include "gateway/websocket/http_response.h"
#include "gateway/websocket/message_reader.h"

namespace sluice::gateway {

struct ShardContext;

/// How long a connection may take to answer our close frame, or to go away after a refusal, since it last made
/// progress.
inline constexpr Duration kCloseTimeout{5'000};
/// How long it may make progress. A drain's close lasts until the drain's deadline at most; a slow consumer has
/// kCloseTimeout in all.
inline constexpr Duration kClosingMax{60'000};
static_assert(kClosingMax > kCloseTimeout);
/// How much longer than it was told a hinted client may stay: moving over takes it some time, and its clock began
/// later.
inline constexpr Duration kHintGrace{2'000};
/// A drain closes a client that has talked within kTalksWithin right behind its next answer, for which it waits so
/// long: most likely no request of it is on its way at that moment, and none is lost.
inline constexpr Duration kQuietWait{1'000};
inline constexpr Duration kTalksWithin{2'000};
/// Pieces of work that one connection does in a tick before the others have their turn: messages and control frames,
/// and messages that these send. A message that is sent to many more goes to all of them.
inline constexpr std::int64_t kWorkPerTick = 512;

/// Why an upgrade will be answered with 503 whatever it asks for.
enum class Refusal : std::uint8_t {
  kNone,
  kNoRoom,  ///< limits.connections
  kAdmission
};

class Connection {
 public:
  /// `shard` outlives the connection. `accepted`: when its socket was; it may have waited for admission since.
  /// `transport` may be null.
  Connection(ShardContext& shard, ConnectionId id, Socket socket, Refusal refusal, std::unique_ptr<Transport> transport,
             SteadyTime accepted);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What happens to it.
  void start();
  void on_receive(const Completion& completion);
  void on_send(std::int32_t result);
  void on_timer();
  /// The tick after one in which it had done enough: goes on with what was read.
  void on_next_tick();
  /// At the end of a tick in which the connection was touched: tells the protocol about its end, sends what is queued.
  void settle();

  // A drain or a shed.
  /// Whether the one that runs may still release it.
  [[nodiscard]] bool can_be_released() const;
  /// Spends a token: the connection goes after `wait` (with a hint that says so, where the client understands hints).
  void release(Duration wait);
  /// The deadline has come: closes at once, whatever is owed, and cuts who has had the time to answer.
  /// `reconnect_after` tells the client when to come back. Answers whether there was something to do.
  bool evict(Duration reconnect_after);

  // What Session does.
  [[nodiscard]] ConnectionId id() const { return id_; }
  [[nodiscard]] std::uint64_t& word() { return word_; }
  [[nodiscard]] bool is_open() const { return phase_ == Phase::kOpen; }
  [[nodiscard]] Refusal refused_for() const { return refusal_; }
  /// A drain that was taken back, or an earlier one, makes nobody leave.
  [[nodiscard]] bool leaving() const { return leaving_ && release_applies(); }
  void reply(BlockRef frame);
  bool push(const BlockRef& frame);
  void close(std::uint16_t code, std::string_view reason);

  /// Memory held for what is half received or half sent, beyond the object and its send queue; 0 where it is idle.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  enum class Phase : std::uint8_t { kHandshake, kOpen, kClosing, kClosed };
  struct Cold;

  // connection.cc: sending.
  void enqueue(BlockRef block);
  void touch();
  void flush();
  void flush_through_transport();
  void submit(std::span<const Slice> slices);
  void set_state(ConnectionState state);
  [[nodiscard]] Protocol& protocol() const;

  // connection_end.cc: time-outs, drain and closing.
  [[nodiscard]] bool awaiting_pong() const { return ping_sent_ > last_pong_; }
  [[nodiscard]] SteadyTime heartbeat_due() const;
  [[nodiscard]] bool release_applies() const;
  [[nodiscard]] CloseCause release_cause() const;
  void arm_open_timers();
  void check_open_timers();
  [[nodiscard]] bool may_leave_now();
  void start_close(std::uint16_t code, std::string_view reason, CloseCause cause);
  void begin_closing();
  void leave_open();
  [[nodiscard]] SteadyTime close_by() const;
  void arm_close_timer();
  void check_close_timer();
  void close_slow_consumer();
  void when_flushed();
  bool end_transport();
  void finish(CloseCause cause);
  void fail(HandshakeResult handshake);
  void end_handshake(HandshakeResult result, bool draining = false);

  // connection_receive.cc: from bytes to events.
  void consume(std::span<char> input);
  bool consume_handshake(std::span<char>& input, std::string& carried);
  void answer_request(const HttpRequest& request);
  void open(std::size_t protocol, bool hints);
  void refuse(const HttpResponse& response, HandshakeResult result, bool draining = false);
  void consume_frames(std::span<char> input);
  void pause(std::span<const char> unused);
  void resume();
  void on_event(const ReaderEvent& event);
  void on_peer_close(const ReaderEvent& event);
  void on_wire(std::span<const char> wire);

  ShardContext& shard_;
  const ConnectionId id_;
  std::uint64_t word_ = 0;
  TimerNode timer_;
  SendQueue queue_;
  MessageReader reader_;
  std::unique_ptr<Cold> cold_;
  std::unique_ptr<Transport> transport_;
  BlockRef wire_;          ///< Encrypted bytes that are being sent.
  SteadyTime last_alive_;  ///< When the peer last showed a sign of life.
  SteadyTime last_pong_;   ///< When the connection was accepted, until the first PONG.
  SteadyTime ping_sent_{};
  SteadyTime leave_at_{};  ///< When its release ends.
  SteadyTime closing_since_{};
  Socket socket_;
  std::uint32_t sending_ = 0;         ///< Bytes in the send under way; 0 where there is none.
  std::uint32_t wire_sent_ = 0;       ///< Bytes of wire_ that were sent.
  std::uint32_t unacknowledged_ = 0;  ///< Closing: what the kernel still held when the timer was armed.
  std::uint32_t release_epoch_ = 0;   ///< The drain or shed that has released it.
  std::uint32_t waited_ms_ = 0;       ///< For its admission.
  Phase phase_ = Phase::kHandshake;
  ConnectionState state_ = ConnectionState::kIdle;
  CloseCause cause_ = CloseCause::kReset;
  std::uint8_t protocol_ = 0;
  Refusal refusal_;
  bool spoke_ : 1 = false;  ///< In its handshake a byte has come.
  bool upgraded_ : 1 = false;
  bool hints_ : 1 = false;
  bool session_open_ : 1 = false;  ///< The protocol has heard on_open and not yet on_close.
  bool touched_ : 1 = false;
  bool paused_ : 1 = false;    ///< Not read from: the send queue is above its high mark, or it has worked enough.
  bool deferred_ : 1 = false;  ///< Goes on in the next tick.
  bool leaving_ : 1 = false;
  bool talked_ : 1 = false;    ///< A message has come.
  bool answered_ : 1 = false;  ///< The protocol has answered in this tick.
  bool slow_ : 1 = false;
  bool peer_done_ : 1 = false;   ///< The peer has said all it will say.
  bool discarding_ : 1 = false;  ///< What still comes is not looked at.
  bool fin_sent_ : 1 = false;
  bool transport_ended_ : 1 = false;
  bool agreed_ : 1 = false;  ///< The peer's close frame came, and is no complaint.
};

static_assert(sizeof(Connection) <= 192,
              "an idle connection's memory: this, its slot's 8 bytes, and its socket's state");

}  // namespace sluice::gateway
