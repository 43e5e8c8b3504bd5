// What a client says on its connections, apart from how those connections come and go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/loadgen/frame.h"
#include "common/base/clock.h"

namespace sluice::loadgen {

using ClientId = std::uint32_t;

/// A client has at most two connections at a time: the one that it talks on and the one that it leaves or opens.
enum class Slot : std::uint8_t { kA = 0, kB = 1 };
constexpr std::size_t kSlots = 2;
constexpr std::size_t index_of(Slot slot) {
  return static_cast<std::size_t>(slot);
}

constexpr SteadyTime kNever = SteadyTime::max();

/// A message to send. `fragments` > 1 asks for that many frames.
struct Outgoing {
  Opcode opcode = Opcode::kText;
  std::string payload;
  int fragments = 1;
};

/// One client's conversation. Keeps apart what was said on which connection, since an answer counts only on the
/// connection that carried the question. Threads: one.
class Workload {
 public:
  virtual ~Workload() = default;

  /// When the next message wants to go; kNever while there is none.
  [[nodiscard]] virtual SteadyTime due() const = 0;
  /// Makes that message and books it as awaited on `slot`. Only called when due() <= now.
  virtual Outgoing make(Slot slot, SteadyTime now) = 0;
  /// A text or binary message that was no hint.
  virtual void on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) = 0;
  /// Answers that are still awaited on `slot`.
  [[nodiscard]] virtual std::size_t outstanding(Slot slot) const = 0;
  /// The connection in `slot` has ended: what is awaited there is lost. `deaf_restart`: a client without hints was
  /// closed with a hinted 1012 (README, "What a deaf client can lose").
  virtual void on_end(Slot slot, bool deaf_restart, SteadyTime now) = 0;
  /// How long a connection that is being left waits for the answers still awaited on it.
  [[nodiscard]] virtual Duration answers_wait() const = 0;
  /// When the conversation is over and the client leaves; kNever for one without an end.
  [[nodiscard]] virtual SteadyTime ends_at() const = 0;
};

}  // namespace sluice::loadgen
