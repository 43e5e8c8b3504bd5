// The receiving half of a connection: bytes become a request, then frames, then messages.
#include <algorithm>
#include <utility>
#include <variant>

#include "gateway/connection.h"
#include "gateway/connection_cold.h"
#include "gateway/outcomes.h"
#include "gateway/shard_context.h"
#include "gateway/websocket/frame.h"
#include "gateway/websocket/handshake.h"

namespace sluice::gateway {
namespace {

/// A client that is refused because of a drain or the limit may try another pod at once.
constexpr std::string_view kRetryAfter = "Retry-After: 1\r\n";

/// One that is refused by admission is one of many: they must not come back together.
std::string spread_retry_after(ShardContext& shard) {
  const std::uint32_t within = shard.admission.retry_within_seconds();
  return "Retry-After: " + std::to_string(1 + shard.random.below(within)) + "\r\n";
}

std::string_view view_of(std::span<const char> bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace

void Connection::on_receive(const Completion& completion) {
  if (phase_ == Phase::kClosed) return;
  if (completion.result <= 0) {
    fail(HandshakeResult::kDisconnected);
    return;
  }
  shard_.stats.bytes_received.add(completion.result);
  last_alive_ = shard_.loop.now();
  if (transport_) {
    on_wire(completion.data);
  } else {
    consume(completion.data);
  }
}

void Connection::on_wire(std::span<const char> wire) {
  spoke_ = true;
  std::string& plain = shard_.plain;
  plain.clear();
  const Transport::State state = transport_->receive(wire, plain);
  if (!plain.empty()) consume(plain);
  touch();  // The transport may have something to say itself: its handshake, an alert.
  if (state == Transport::State::kOpen || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kHandshake) {
    const bool failed = state == Transport::State::kFailed;
    end_handshake(failed ? HandshakeResult::kTlsFailed : HandshakeResult::kDisconnected);
  }
  discarding_ = true;
  if (state == Transport::State::kEnded) peer_done_ = true;
  if (phase_ != Phase::kClosing) begin_closing();
}

void Connection::consume(std::span<char> input) {
  if (discarding_) return;
  if (paused_) {
    pause(input);
    return;
  }
  std::string carried;  // Holds what `input` views where the request came in pieces.
  if (phase_ == Phase::kHandshake && !consume_handshake(input, carried)) return;
  consume_frames(input);
}

/// False where the request is not complete. Otherwise it is answered and `input` is what follows it.
bool Connection::consume_handshake(std::span<char>& input, std::string& carried) {
  spoke_ = true;
  HttpRequestParser fresh({.head_bytes_max = shard_.config.limits.header_bytes, .body_bytes_max = 0});
  HttpRequestParser& parser = cold_ ? cold_->parser : fresh;
  if (cold_) {
    carried = std::move(cold_->held);
    carried.append(input.data(), input.size());
    input = carried;
  }
  const HttpParse parse = parser.parse(view_of(input));
  if (parse == HttpParse::kNeedMore) {
    if (!cold_) cold_ = std::make_unique<Cold>(fresh);
    cold_->held.assign(input.data(), input.size());
    return false;
  }
  if (parse == HttpParse::kComplete) {
    answer_request(parser.request());
    input = input.subspan(parser.size());
  } else {
    refuse(refusal(parser.status(), parser.error()), HandshakeResult::kBadRequest);
  }
  cold_.reset();
  return true;
}

void Connection::answer_request(const HttpRequest& request) {
  const std::span<const ProtocolEntry> table = protocol_table();
  const auto entry = std::find_if(table.begin(), table.end(), [&request](const ProtocolEntry& candidate) {
    return candidate.path == request.path;
  });
  if (entry == table.end()) {
    refuse(refusal(404, "nothing is served at this path"), HandshakeResult::kNotFound);
    return;
  }
  const auto checked = check_upgrade(request);
  if (const auto* refused = std::get_if<HttpResponse>(&checked)) {
    refuse(*refused, HandshakeResult::kBadRequest);
  } else if (shard_.drain.active()) {
    refuse(refusal(503, "this gateway is draining: connect again", kRetryAfter), HandshakeResult::kRefused, true);
  } else if (refusal_ == Refusal::kNoRoom) {
    refuse(refusal(503, "this gateway has no room for another connection", kRetryAfter), HandshakeResult::kRefused);
  } else if (refusal_ == Refusal::kAdmission) {
    const std::string retry_after = spread_retry_after(shard_);
    refuse(refusal(503, "too many clients connect to this gateway at once: try again later", retry_after),
           HandshakeResult::kRefused);
  } else {
    const auto& offer = std::get<UpgradeOffer>(checked);
    enqueue(BlockRef::copy_of(accept_upgrade(offer)));
    open(static_cast<std::size_t>(entry - table.begin()), offer.hints);
  }
}

void Connection::open(std::size_t protocol_index, bool hints) {
  const SteadyTime now = shard_.loop.now();
  shard_.stats.handshakes[static_cast<std::size_t>(HandshakeResult::kOk)].add(1);
  shard_.stats.observe_handshake(now - last_pong_);
  if (now - last_pong_ > Duration(waited_ms_) + shard_.config.admission.handshake_p99) {
    shard_.stats.handshakes_slow.add(1);
  }
  shard_.stats.opened.add(1);
  if (hints) shard_.stats.hintable.add(1);
  phase_ = Phase::kOpen;
  set_state(ConnectionState::kActive);
  upgraded_ = true;
  hints_ = hints;
  protocol_ = static_cast<std::uint8_t>(protocol_index);
  session_open_ = true;
  arm_open_timers();
  protocol().on_open(Session(*this));
}

void Connection::refuse(const HttpResponse& response, HandshakeResult result, bool draining) {
  end_handshake(result, draining);
  enqueue(BlockRef::copy_of(render(response)));
  discarding_ = true;
  begin_closing();
}

void Connection::consume_frames(std::span<char> input) {
  std::int64_t work = -shard_.stats.messages_sent.get();
  while (phase_ == Phase::kOpen || (phase_ == Phase::kClosing && !discarding_)) {
    if (phase_ == Phase::kOpen && queue_.cost() > shard_.config.limits.send_queue_high_bytes) {
      pause(input);
      break;
    }
    if (phase_ == Phase::kOpen && !input.empty() && work + shard_.stats.messages_sent.get() >= kWorkPerTick) {
      pause(input);
      deferred_ = true;
      shard_.deferred.push_back(id_);
      break;
    }
    const ReaderEvent event = reader_.next(input, shard_.config.limits.message_bytes);
    if (event.kind == ReaderEvent::Kind::kNone) break;
    on_event(event);
    ++work;
  }
  reader_.release();  // Also of the message that set in back-pressure: it may have to wait for long.
}

/// Stops the reading; `unused` was read already and is kept.
void Connection::pause(std::span<const char> unused) {
  if (!paused_) {
    paused_ = true;
    shard_.loop.io().cancel(socket_, Operation::kReceive);
  }
  if (unused.empty()) return;
  if (!cold_) cold_ = std::make_unique<Cold>(HttpRequestParser({}));
  cold_->held.append(unused.data(), unused.size());
}

void Connection::resume() {
  paused_ = false;
  if (cold_) {
    const std::unique_ptr<Cold> cold = std::move(cold_);
    consume(cold->held);  // May set in back-pressure again.
  }
  if (!paused_ && phase_ != Phase::kClosed) shard_.loop.io().submit_receive(socket_, id_);
}

void Connection::on_next_tick() {
  deferred_ = false;
  if (paused_ && phase_ != Phase::kClosed) resume();
}

void Connection::on_event(const ReaderEvent& event) {
  const bool open = phase_ == Phase::kOpen;
  switch (event.kind) {
    case ReaderEvent::Kind::kText:
    case ReaderEvent::Kind::kBinary:
      if (!open) break;
      shard_.stats.messages_received.add(1);
      talked_ = true;
      protocol().on_message(Session(*this), {.text = event.kind == ReaderEvent::Kind::kText, .payload = event.payload});
      break;
    case ReaderEvent::Kind::kPing:
      if (open) enqueue(make_frame(Opcode::kPong, event.payload));
      break;
    case ReaderEvent::Kind::kPong:
      last_pong_ = shard_.loop.now();
      break;
    case ReaderEvent::Kind::kClose:
      on_peer_close(event);
      break;
    case ReaderEvent::Kind::kError:
      start_close(event.code, event.error,
                  event.code == kCloseBadData    ? CloseCause::kBadData
                  : event.code == kCloseTooLarge ? CloseCause::kTooLarge
                                                 : CloseCause::kProtocolError);
      discarding_ = true;
      break;
    case ReaderEvent::Kind::kNone:
      break;
  }
}

void Connection::on_peer_close(const ReaderEvent& event) {
  // An answer to our close frame is none of its own: its code is ours.
  agreed_ = phase_ != Phase::kOpen || client_leaves_content(event.code);
  // RFC 6455, section 5.5.1: answered with the code that came, unless our own close frame is on its way already.
  start_close(event.code, "", CloseCause::kClient);
  peer_done_ = true;
  discarding_ = true;
  touch();
}

}  // namespace sluice::gateway
