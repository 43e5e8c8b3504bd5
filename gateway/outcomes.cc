#include "gateway/outcomes.h"

#include "gateway/websocket/frame.h"

namespace sluice::gateway {

bool handshake_failed(HandshakeResult result, const HandshakeFacts& facts) {
  switch (result) {
    case HandshakeResult::kOk:
    case HandshakeResult::kBadRequest:
    case HandshakeResult::kNotFound:
      return false;
    case HandshakeResult::kRefused:
      return !facts.draining;
    case HandshakeResult::kTimeout:
      return facts.spoke;
    case HandshakeResult::kDisconnected:
      return facts.waited;
    case HandshakeResult::kTlsFailed:
      return true;
  }
  return true;
}

bool client_leaves_content(std::uint16_t code) {
  constexpr std::uint16_t kApplicationLeast = 3000;  // RFC 6455, section 7.4.2: libraries' and applications' own.
  constexpr std::uint16_t kApplicationMost = 4999;
  return code == kCloseNormal || code == kCloseGoingAway || code == kCloseNoStatus ||
         (code >= kApplicationLeast && code <= kApplicationMost);
}

bool close_is_clean(CloseCause cause, bool agreed) {
  switch (cause) {
    case CloseCause::kClient:
    case CloseCause::kDrain:
    case CloseCause::kShed:
    case CloseCause::kProtocol:
      return agreed;
    case CloseCause::kStale:
    case CloseCause::kProtocolError:
    case CloseCause::kBadData:
    case CloseCause::kTooLarge:
    case CloseCause::kSlowConsumer:
    case CloseCause::kReset:
      return false;
  }
  return false;
}

void Totals::add(const ShardStats& stats) {
  // Clean before all: a close between the two reads must not make the abnormal ones negative.
  const std::int64_t clean = stats.closed_clean.get();
  std::int64_t closed = 0;
  for (const LocalNumber& cause : stats.closed) closed += cause.get();
  handshakes_ok += stats.handshakes[static_cast<std::size_t>(HandshakeResult::kOk)].get();
  handshakes_failed += stats.handshakes_failed.get();
  closes_clean += clean;
  closes_abnormal += closed - clean;
}

}  // namespace sluice::gateway
