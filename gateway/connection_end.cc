// How a connection ends: heartbeat, drain, closing.
#include <algorithm>
#include <string>

#include "gateway/connection.h"
#include "gateway/outcomes.h"
#include "gateway/shard_context.h"
#include "gateway/websocket/frame.h"

namespace sluice::gateway {

// Heartbeat.

SteadyTime Connection::heartbeat_due() const {
  if (!awaiting_pong()) return last_alive_ + shard_.config.heartbeat.ping_interval;
  // A PONG cannot overtake a long frame that is still coming, nor can we see it while we do not read.
  const bool excused = (paused_ || reader_.mid_message()) && last_alive_ > ping_sent_;
  return (excused ? last_alive_ : ping_sent_) + shard_.config.heartbeat.stale_after;
}

void Connection::arm_open_timers() {
  SteadyTime due = heartbeat_due();
  if (release_applies()) {
    const SteadyTime quiet = leave_at_ + kQuietWait;
    // Past that only answers that are owed keep the connection: they will touch it, not the time.
    if (!leaving_) due = std::min(due, leave_at_);
    if (leaving_ && quiet > shard_.loop.now()) due = std::min(due, quiet);
  }
  shard_.loop.timers().arm(timer_, due);
}

void Connection::on_timer() {
  switch (phase_) {
    case Phase::kHandshake:
      fail(HandshakeResult::kTimeout);
      break;
    case Phase::kOpen:
      check_open_timers();
      break;
    case Phase::kClosing:
      check_close_timer();
      break;
    case Phase::kClosed:
      break;
  }
}

void Connection::check_open_timers() {
  const SteadyTime now = shard_.loop.now();
  if (release_applies() && now >= leave_at_) {
    leaving_ = true;
    touch();
  }
  if (now >= heartbeat_due()) {
    if (awaiting_pong()) {
      start_close(kCloseInternalError, "keepalive ping timeout", CloseCause::kStale);
      return;
    }
    ping_sent_ = now;
    enqueue(shard_.ping);
  }
  arm_open_timers();
}

// Drain and shed.

bool Connection::release_applies() const {
  return shard_.release.active() && release_epoch_ == shard_.release.epoch;
}

bool Connection::can_be_released() const {
  if (phase_ != Phase::kOpen || release_epoch_ == shard_.release.epoch) return false;
  // A shed takes those who can move without losing anything.
  return shard_.release.kind == ReleaseKind::kDrain || hints_;
}

CloseCause Connection::release_cause() const {
  return shard_.release.kind == ReleaseKind::kShed ? CloseCause::kShed : CloseCause::kDrain;
}

void Connection::release(Duration wait) {
  release_epoch_ = shard_.release.epoch;
  leaving_ = false;  // An earlier drain, taken back since, may have wanted it to go.
  // Waiting for the answer behind which a talking client is closed is part of its wait: the drain ends when it should.
  leave_at_ = shard_.loop.now() + (hints_ ? wait + kHintGrace : std::max(Duration::zero(), wait - kQuietWait));
  shard_.stats.released.add(1);
  if (hints_) {
    shard_.stats.hinted.add(1);
    const char* reason = shard_.release.kind == ReleaseKind::kShed ? "rebalance" : "drain";
    reply(make_frame(Opcode::kText, R"({"reconnect":{"after_ms":)" + std::to_string(wait.count()) + R"(,"reason":")" +
                                        reason + R"(","resume":""}})"));
  }
  arm_open_timers();
}

bool Connection::may_leave_now() {
  const SteadyTime now = shard_.loop.now();
  const bool talks = talked_ && now - last_alive_ < kTalksWithin;
  const bool all_answered = answered_ && !paused_;  // Where it is paused, requests may wait in `cold_`.
  if (talks && !all_answered && now < leave_at_ + kQuietWait) return false;
  return !protocol().owes_answers(Session(*this));
}

bool Connection::evict(Duration reconnect_after) {
  if (phase_ == Phase::kOpen) {
    start_close(shard_.release.close_code, "reconnect-after-ms=" + std::to_string(reconnect_after.count()),
                CloseCause::kDrain);
    return true;
  }
  if (phase_ != Phase::kClosing || shard_.loop.now() < close_by()) return false;
  finish(cause_);
  return true;
}

// Closing.

void Connection::close(std::uint16_t code, std::string_view reason) {
  start_close(code, reason, CloseCause::kProtocol);
}

void Connection::start_close(std::uint16_t code, std::string_view reason, CloseCause cause) {
  if (phase_ != Phase::kOpen) return;
  cause_ = cause;
  enqueue(make_close_frame(code, reason));
  begin_closing();
}

void Connection::close_slow_consumer() {
  // What waits would only keep memory busy: the close frame goes next.
  const std::size_t before = queue_.cost();
  queue_.drop_unsent(transport_ ? 0 : sending_);
  shard_.stats.send_queue_bytes.add(static_cast<std::int64_t>(queue_.cost()) - static_cast<std::int64_t>(before));
  shard_.stats.slow_consumer_closes.add(1);
  start_close(kCloseTryAgainLater, "slow consumer", CloseCause::kSlowConsumer);
}

void Connection::begin_closing() {
  leave_open();
  phase_ = Phase::kClosing;
  if (upgraded_) set_state(ConnectionState::kClosing);
  closing_since_ = shard_.loop.now();
  arm_close_timer();
  touch();
}

void Connection::leave_open() {
  if (phase_ != Phase::kOpen) return;
  if (release_applies()) shard_.stats.released.add(-1);
  if (hints_) shard_.stats.hintable.add(-1);
}

/// When it is cut, however well it reads.
SteadyTime Connection::close_by() const {
  const SteadyTime plain = closing_since_ + kCloseTimeout;
  if (slow_ || !upgraded_) return plain;
  SteadyTime longest = closing_since_ + kClosingMax;
  if (shard_.release.kind == ReleaseKind::kDrain) {
    const SteadyTime deadline = shard_.release.deadline;
    longest = cause_ == CloseCause::kDrain ? deadline : std::min(longest, deadline);
  }
  return std::max(plain, longest);
}

void Connection::arm_close_timer() {
  unacknowledged_ = static_cast<std::uint32_t>(shard_.loop.io().unacknowledged(socket_));
  shard_.loop.timers().arm(timer_, std::min<SteadyTime>(shard_.loop.now() + kCloseTimeout, close_by()));
}

void Connection::check_close_timer() {
  // Once its machine has everything, the peer has the close frame: it only has to answer.
  const std::size_t left = shard_.loop.io().unacknowledged(socket_);
  if (left > 0 && left < unacknowledged_ && shard_.loop.now() < close_by()) {
    arm_close_timer();
  } else {
    finish(cause_);
  }
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

/// Tells the peer's record layer that nothing follows. True where that left something to send.
bool Connection::end_transport() {
  if (!transport_ || transport_ended_) return false;
  transport_ended_ = true;
  transport_->end();
  flush_through_transport();
  return sending_ > 0;
}

/// The stream has failed or ended without more words. `handshake`: what that means for a handshake.
void Connection::fail(HandshakeResult handshake) {
  if (phase_ == Phase::kHandshake) end_handshake(handshake);
  finish(phase_ == Phase::kClosing ? cause_ : CloseCause::kReset);
}

/// Counts the outcome of a handshake that has led to nothing. `draining`: it was refused because of a drain.
void Connection::end_handshake(HandshakeResult result, bool draining) {
  shard_.stats.handshakes[static_cast<std::size_t>(result)].add(1);
  const HandshakeFacts facts{.draining = draining, .spoke = spoke_, .waited = waited_ms_ > 0};
  if (handshake_failed(result, facts)) shard_.stats.handshakes_failed.add(1);
}

void Connection::finish(CloseCause cause) {
  if (phase_ == Phase::kClosed) return;
  leave_open();
  if (upgraded_) {
    shard_.stats.closed[static_cast<std::size_t>(cause)].add(1);
    if (close_is_clean(cause, agreed_)) shard_.stats.closed_clean.add(1);
  }
  shard_.stats.connections[static_cast<std::size_t>(state_)].add(-1);
  phase_ = Phase::kClosed;
  shard_.loop.timers().cancel(timer_);
  shard_.loop.io().submit_close(socket_, id_);
  if (session_open_) touch();
}

}  // namespace sluice::gateway
