#include "gateway/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/connection_cold.h"
#include "gateway/shard_context.h"
#include "gateway/websocket/frame.h"

namespace sluice::gateway {

Connection::Connection(ShardContext& shard, ConnectionId id, Socket socket, bool refused,
                       std::unique_ptr<Transport> transport)
    : shard_(shard),
      id_(id),
      transport_(std::move(transport)),
      last_alive_(shard.loop.now()),
      last_pong_(shard.loop.now()),
      socket_(socket),
      refused_(refused) {
  timer_.token = id;
  shard_.stats.connections[static_cast<std::size_t>(state_)].add(1);
}

Connection::~Connection() {
  shard_.loop.timers().cancel(timer_);
  shard_.stats.send_queue_bytes.add(-static_cast<std::int64_t>(queue_.cost()));
  if (phase_ != Phase::kClosed) shard_.stats.connections[static_cast<std::size_t>(state_)].add(-1);
}

void Connection::start() {
  shard_.loop.timers().arm(timer_, shard_.loop.now() + shard_.config.limits.handshake_timeout);
  shard_.loop.io().submit_receive(socket_, id_);
}

Protocol& Connection::protocol() const {
  return *shard_.protocols[protocol_];
}

void Connection::set_state(ConnectionState state) {
  shard_.stats.connections[static_cast<std::size_t>(state_)].add(-1);
  shard_.stats.connections[static_cast<std::size_t>(state)].add(1);
  state_ = state;
}

// Sending.

void Connection::touch() {
  if (touched_) return;
  touched_ = true;
  shard_.touched.push_back(id_);
}

void Connection::enqueue(BlockRef block) {
  const std::size_t before = queue_.cost();
  queue_.push(std::move(block));
  shard_.stats.send_queue_bytes.add(static_cast<std::int64_t>(queue_.cost() - before));
  touch();
}

void Connection::reply(BlockRef frame) {
  if (phase_ != Phase::kOpen) return;
  shard_.stats.messages_sent.add(1);
  answered_ = true;
  enqueue(std::move(frame));
}

bool Connection::push(const BlockRef& frame) {
  if (phase_ != Phase::kOpen || slow_) return false;
  // Who has nothing queued is not slow, however long the frame is.
  const std::size_t cost = queue_.cost() + frame.size() + kBlockOverheadBytes;
  if (!queue_.empty() && cost > shard_.config.limits.send_queue_max_bytes) {
    slow_ = true;
    touch();
    return false;
  }
  shard_.stats.messages_sent.add(1);
  enqueue(frame);
  return true;
}

void Connection::submit(std::span<const Slice> slices) {
  sending_ = 0;
  for (const Slice& slice : slices) sending_ += static_cast<std::uint32_t>(slice.size);
  shard_.loop.io().submit_send(socket_, id_, slices);
}

void Connection::flush() {
  if (phase_ == Phase::kClosed || sending_ > 0) return;
  if (transport_) {
    flush_through_transport();
    return;
  }
  if (queue_.empty()) {
    when_flushed();
    return;
  }
  std::array<Slice, kSlicesMax> slices;
  submit({slices.data(), queue_.gather(slices)});
}

void Connection::flush_through_transport() {
  if (!wire_) wire_ = transport_->take_wire();
  if (!wire_ && !queue_.empty()) {
    std::array<Slice, kSlicesMax> slices;
    const std::size_t before = queue_.cost();
    queue_.consume(transport_->send({slices.data(), queue_.gather(slices)}));
    shard_.stats.send_queue_bytes.add(static_cast<std::int64_t>(queue_.cost()) - static_cast<std::int64_t>(before));
    wire_ = transport_->take_wire();
  }
  if (wire_) {
    const Slice slice{wire_.data() + wire_sent_, wire_.size() - wire_sent_};
    submit({&slice, 1});
  } else if (queue_.empty()) {
    when_flushed();
  }
}

void Connection::on_send(std::int32_t result) {
  sending_ = 0;
  if (phase_ == Phase::kClosed) return;
  if (result < 0) {
    finish(phase_ == Phase::kClosing ? cause_ : CloseCause::kReset);
    return;
  }
  shard_.stats.bytes_sent.add(result);
  if (transport_) {
    wire_sent_ += static_cast<std::uint32_t>(result);
    if (wire_sent_ == wire_.size()) {
      wire_ = BlockRef();
      wire_sent_ = 0;
    }
  } else {
    const std::size_t before = queue_.cost();
    queue_.consume(static_cast<std::size_t>(result));
    shard_.stats.send_queue_bytes.add(static_cast<std::int64_t>(queue_.cost()) - static_cast<std::int64_t>(before));
  }
  if (paused_) {
    // We do not read now, so that no PONG can be seen: that the peer takes what we send is its sign of life.
    last_alive_ = shard_.loop.now();
    if (queue_.cost() <= shard_.config.limits.send_queue_low_bytes) resume();
  }
  if (!queue_.empty() || transport_ || phase_ == Phase::kClosing) touch();
}

void Connection::resume() {
  paused_ = false;
  if (cold_) {
    const std::unique_ptr<Cold> cold = std::move(cold_);
    consume(cold->held);  // May set in back-pressure again.
  }
  if (!paused_ && phase_ != Phase::kClosed) shard_.loop.io().submit_receive(socket_, id_);
}

// Ending.

void Connection::close(std::uint16_t code, std::string_view reason) {
  start_close(code, reason, CloseCause::kProtocol);
}

void Connection::start_close(std::uint16_t code, std::string_view reason, CloseCause cause) {
  if (phase_ != Phase::kOpen) return;
  cause_ = cause;
  enqueue(make_close_frame(code, reason));
  begin_closing();
}

void Connection::begin_closing() {
  if (phase_ == Phase::kOpen && drain_applies()) shard_.stats.drain_released.add(-1);
  phase_ = Phase::kClosing;
  set_state(ConnectionState::kClosing);
  shard_.loop.timers().arm(timer_, shard_.loop.now() + kCloseTimeout);
  touch();
}

/// Tells the peer's record layer that nothing follows. True where that left something to send.
bool Connection::end_transport() {
  if (!transport_ || transport_ended_) return false;
  transport_ended_ = true;
  transport_->end();
  flush_through_transport();
  return sending_ > 0;
}

/// Everything queued is sent: what remains to do in phase kClosing.
void Connection::when_flushed() {
  if (phase_ != Phase::kClosing || (!peer_done_ && !discarding_)) return;
  if (end_transport()) return;
  if (peer_done_) {
    finish(cause_);
  } else if (!fin_sent_) {
    // The peer reads our last words and then our end of the stream; closing now could reset the connection under
    // them, because it may still be sending.
    fin_sent_ = true;
    shard_.loop.io().shutdown_send(socket_);
  }
}

void Connection::finish(CloseCause cause) {
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kOpen && drain_applies()) shard_.stats.drain_released.add(-1);
  if (upgraded_) shard_.stats.closed[static_cast<std::size_t>(cause)].add(1);
  shard_.stats.connections[static_cast<std::size_t>(state_)].add(-1);
  phase_ = Phase::kClosed;
  shard_.loop.timers().cancel(timer_);
  shard_.loop.io().submit_close(socket_, id_);
  if (session_open_) touch();
}

void Connection::settle() {
  if (phase_ == Phase::kOpen && slow_) {
    // What waits would only keep memory busy: the close frame goes next.
    const std::size_t before = queue_.cost();
    queue_.drop_unsent(transport_ ? 0 : sending_);
    shard_.stats.send_queue_bytes.add(static_cast<std::int64_t>(queue_.cost()) - static_cast<std::int64_t>(before));
    shard_.stats.slow_consumer_closes.add(1);
    start_close(kCloseTryAgainLater, "slow consumer", CloseCause::kSlowConsumer);
  }
  if (phase_ == Phase::kOpen && leaving_) {
    if (!drain_applies()) {
      leaving_ = false;  // The drain was taken back while we waited for answers.
    } else if (may_leave_now()) {
      start_close(shard_.drain_view.close_code, "reconnect-after-ms=0", CloseCause::kDrain);
    }
  }
  if (phase_ >= Phase::kClosing && session_open_) {
    session_open_ = false;
    protocol().on_close(Session(*this));
  }
  if (phase_ == Phase::kClosing && paused_) resume();  // The peer's close frame must be seen.
  flush();
  answered_ = false;
  touched_ = false;
}

// Timers.

SteadyTime Connection::heartbeat_due() const {
  if (!awaiting_pong_) return last_alive_ + shard_.config.heartbeat.ping_interval;
  // A PONG cannot overtake a long frame that is still coming, nor can we see it while we do not read.
  const bool excused = (paused_ || reader_.mid_message()) && last_alive_ > ping_sent_;
  return (excused ? last_alive_ : ping_sent_) + shard_.config.heartbeat.stale_after;
}

bool Connection::drain_applies() const {
  return shard_.drain_view.active && drain_epoch_ == shard_.drain_view.epoch;
}

void Connection::arm_open_timers() {
  SteadyTime due = heartbeat_due();
  if (drain_applies()) {
    const SteadyTime quiet = leave_at_ + kQuietWait;
    // Past that only answers that are owed keep the connection: they will touch it, not the time.
    if (!leaving_) due = std::min(due, leave_at_);
    if (leaving_ && quiet > shard_.loop.now()) due = std::min(due, quiet);
  }
  shard_.loop.timers().arm(timer_, due);
}

bool Connection::may_leave_now() {
  const SteadyTime now = shard_.loop.now();
  const bool talks = talked_ && now - last_alive_ < kTalksWithin;
  if (talks && !answered_ && now < leave_at_ + kQuietWait) return false;
  return !protocol().owes_answers(Session(*this));
}

void Connection::on_timer() {
  switch (phase_) {
    case Phase::kHandshake:
      shard_.stats.handshakes[static_cast<std::size_t>(HandshakeResult::kTimeout)].add(1);
      finish(CloseCause::kReset);
      break;
    case Phase::kOpen:
      check_open_timers();
      break;
    case Phase::kClosing:
      finish(cause_);
      break;
    case Phase::kClosed:
      break;
  }
}

void Connection::check_open_timers() {
  const SteadyTime now = shard_.loop.now();
  if (drain_applies() && now >= leave_at_) {
    leaving_ = true;
    touch();
  }
  if (now >= heartbeat_due()) {
    if (awaiting_pong_) {
      start_close(kCloseInternalError, "keepalive ping timeout", CloseCause::kStale);
      return;
    }
    awaiting_pong_ = true;
    ping_sent_ = now;
    enqueue(shard_.ping);
  }
  arm_open_timers();
}

// Drain.

bool Connection::can_be_released(std::uint32_t epoch) const {
  return phase_ == Phase::kOpen && drain_epoch_ != epoch;
}

void Connection::release(Duration wait) {
  drain_epoch_ = shard_.drain_view.epoch;
  // Waiting for the answer behind which a talking client is closed is part of its wait: the drain ends when it should.
  leave_at_ = shard_.loop.now() + (hints_ ? wait + kHintGrace : std::max(Duration::zero(), wait - kQuietWait));
  shard_.stats.drain_released.add(1);
  if (hints_) {
    shard_.stats.drain_hinted.add(1);
    reply(make_frame(Opcode::kText, R"({"reconnect":{"after_ms":)" + std::to_string(wait.count()) +
                                        R"(,"reason":"drain","resume":""}})"));
  }
  arm_open_timers();
}

void Connection::evict(Duration reconnect_after) {
  start_close(shard_.drain_view.close_code, "reconnect-after-ms=" + std::to_string(reconnect_after.count()),
              CloseCause::kDrain);
}

// Session: the narrow view that protocols have.

ConnectionId Session::id() const {
  return connection_->id();
}
std::uint64_t& Session::word() const {
  return connection_->word();
}
bool Session::leaving() const {
  return connection_->leaving();
}
void Session::reply(BlockRef frame) const {
  connection_->reply(std::move(frame));
}
void Session::reply_text(std::string_view text) const {
  connection_->reply(make_frame(Opcode::kText, text));
}
bool Session::push(const BlockRef& frame) const {
  return connection_->push(frame);
}
void Session::close(std::uint16_t code, std::string_view reason) const {
  connection_->close(code, reason);
}

}  // namespace sluice::gateway
