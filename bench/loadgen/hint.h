// The reconnect hint, in both forms that a gateway gives it, and what an ended connection counts as.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice::loadgen {

/// Whether a text frame is a hint, and what it says. `{"reconnect":{"after_ms":1234,"reason":"drain","resume":""}}`
struct Hint {
  Duration after{0};   ///< The connection is closed this long after the frame; capped at one hour.
  std::string reason;  ///< "drain"
};
std::optional<Hint> parse_hint(std::string_view text);

/// N of a close frame's reason "reconnect-after-ms=N"; capped at one hour.
std::optional<Duration> parse_close_reason(std::string_view reason);

/// How a connection that had been open ended, as it was seen on the wire.
struct End {
  enum class Kind {
    kCloseFrame,   ///< The peer's Close frame came; `number` is its code.
    kEof,          ///< The stream ended without one.
    kSocketError,  ///< `number` is errno.
    kProtocol,     ///< The peer broke a rule of RFC 6455; `text` names it.
    kTimeout,      ///< Our Close frame stayed unanswered.
  };
  Kind kind = Kind::kEof;
  int number = 0;
  std::string text;  ///< The Close frame's reason, or the broken rule.
};

enum class EndClass {
  kOwn,       ///< The client closed with 1000 and was answered with 1000.
  kHinted,    ///< 1012 after a hint frame, or with the reason reconnect-after-ms=N.
  kAbnormal,  ///< All else.
};

struct EndVerdict {
  EndClass end_class = EndClass::kAbnormal;
  std::string label;  ///< For an abnormal end what it was: "close 1001", "errno ECONNRESET".
};
/// `hinted`: a hint frame had come on this connection. `closing`: the client had sent its own Close 1000.
EndVerdict classify(const End& end, bool hinted, bool closing);

}  // namespace sluice::loadgen
