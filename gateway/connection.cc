// A connection's life and its sending half. connection_receive.cc reads, connection_end.cc lets go.
#include "gateway/connection.h"

#include <array>
#include <utility>

#include "gateway/connection_cold.h"
#include "gateway/shard_context.h"
#include "gateway/websocket/frame.h"

namespace sluice::gateway {

Connection::Connection(ShardContext& shard, ConnectionId id, Socket socket, Refusal refusal,
                       std::unique_ptr<Transport> transport, SteadyTime accepted)
    : shard_(shard),
      id_(id),
      transport_(std::move(transport)),
      last_alive_(shard.loop.now()),
      last_pong_(accepted),
      socket_(socket),
      waited_ms_(static_cast<std::uint32_t>(std::chrono::ceil<Duration>(shard.loop.now() - accepted).count())),
      refusal_(refusal) {
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
    fail(HandshakeResult::kDisconnected);
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
  if (phase_ == Phase::kClosing) arm_close_timer();
  if (paused_ && !deferred_) {
    // We do not read now, so that no PONG can be seen: that the peer takes what we send is its sign of life.
    last_alive_ = shard_.loop.now();
    if (queue_.cost() <= shard_.config.limits.send_queue_low_bytes) resume();
  }
  if (!queue_.empty() || transport_ || phase_ == Phase::kClosing) touch();
}

std::size_t Connection::held_bytes() const {
  std::size_t bytes = reader_.held_bytes();
  if (cold_) bytes += sizeof(Cold) + cold_->held.capacity();
  if (wire_) bytes += wire_.size();
  if (transport_) bytes += transport_->held_bytes();
  return bytes;
}

void Connection::settle() {
  if (phase_ == Phase::kOpen && slow_) close_slow_consumer();
  if (phase_ == Phase::kOpen && leaving() && may_leave_now()) {
    start_close(shard_.release.close_code, "reconnect-after-ms=0", release_cause());
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
