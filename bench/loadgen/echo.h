// Sequence-numbered echoes, each compared byte for byte with what was sent.
#pragma once

#include <array>
#include <chrono>
#include <vector>

#include "bench/loadgen/tally.h"
#include "bench/loadgen/workload.h"
#include "common/base/random.h"

namespace sluice::loadgen {

/// An echo's payload is printable text, so that it may go as a text or as a binary frame:
/// client (8 hex digits), sequence (8), send time in ns of the monotonic clock (16), then filler that follows from the
/// first two. Its length follows from client and sequence too: mostly `bytes`, one in 64 is 300 bytes and one in 4096
/// 70,000 bytes, so that every form of a frame's length is used.
struct EchoId {
  ClientId client = 0;
  std::uint32_t sequence = 0;
  std::uint64_t sent_ns = 0;
  friend bool operator==(const EchoId&, const EchoId&) = default;
};
constexpr std::size_t kEchoHeaderBytes = 32;
constexpr std::size_t kEchoBytesMax = 70'000;
std::string echo_payload(const EchoId& id, std::size_t bytes);
/// Text and binary take turns.
Opcode echo_opcode(const EchoId& id);

struct EchoRules {
  double per_second = 0.3;  ///< Mean rate of one client; 0 is silent. The pauses are uniform in [0.5, 1.5) of the mean.
  std::size_t payload_bytes = 64;  ///< At least kEchoHeaderBytes.
};

class EchoWorkload final : public Workload {
 public:
  static constexpr Duration kAnswersWait{5'000};

  /// `rules`, `tally` and `random` outlive the workload; a changed rate counts from the next message on.
  EchoWorkload(ClientId client, const EchoRules& rules, Tally& tally, Random& random, SteadyTime now);

  [[nodiscard]] SteadyTime due() const override { return due_; }
  Outgoing make(Slot slot, SteadyTime now) override;
  void on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) override;
  [[nodiscard]] std::size_t outstanding(Slot slot) const override { return awaited_[index_of(slot)].size(); }
  void on_end(Slot slot, bool deaf_restart, SteadyTime now) override;
  [[nodiscard]] Duration answers_wait() const override { return kAnswersWait; }
  [[nodiscard]] SteadyTime ends_at() const override { return kNever; }
  /// Draws the next send time anew, after the rate has changed.
  void reschedule(SteadyTime now);

 private:
  struct Awaited {
    std::uint32_t sequence;
    std::uint64_t sent_ns;
  };
  /// An answer that is not the next one awaited: a later one, one that was answered before, or nothing of ours.
  void on_unexpected(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now);
  [[nodiscard]] bool matches(const Awaited& awaited, Opcode opcode, std::string_view payload) const;
  void take(const Awaited& awaited, SteadyTime now);

  ClientId client_;
  const EchoRules& rules_;
  Tally& tally_;
  Random& random_;
  std::uint32_t next_sequence_ = 0;
  SteadyTime due_ = kNever;
  // In the order sent. Bounded by kAwaitedMax: a client that hears nothing stops to talk.
  std::array<std::vector<Awaited>, kSlots> awaited_;
};

}  // namespace sluice::loadgen
