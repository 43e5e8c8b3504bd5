// A hashed timer wheel (Varghese and Lauck, 1987, scheme 6): arming, re-arming and cancelling are O(1) and allocate
// nothing, because the node lives in the object that waits. One wheel a shard. Threads: one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"
#include "gateway/engine/io.h"

namespace sluice::gateway {

/// A link of the wheel's lists.
struct TimerLink {
  TimerLink* previous = nullptr;
  TimerLink* next = nullptr;
};

/// A timer. Must be cancelled before it dies and must not move while armed.
struct TimerNode : TimerLink {
  std::uint64_t due_tick = 0;
  Token token = 0;  ///< Whose timer it is; the owner sets it.
  [[nodiscard]] bool armed() const { return next != nullptr; }
};

class TimerWheel {
 public:
  static constexpr Duration kTick{10};
  static constexpr std::size_t kSlots = 4096;  ///< One turn is 40.96 s: a heartbeat of 30 s is met once a turn.

  /// `start` is tick 0; no later call's time may lie before it.
  explicit TimerWheel(SteadyTime start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  /// Lets `node` expire at the first advance() with now >= `at`, rounded up to a tick, never before the next tick.
  void arm(TimerNode& node, SteadyTime at);
  /// Does nothing where `node` is not armed.
  void cancel(TimerNode& node);

  /// How long nothing expires: zero where something is due, at most `at_most`. May be too short (a node of a later
  /// turn in the next slot), never too long.
  [[nodiscard]] Duration until_next(SteadyTime now, Duration at_most) const;

  /// Calls expired(TimerNode&) for at most `budget` nodes that are due at `now`; the others stay due. `expired` may arm
  /// and cancel any node.
  template <typename Expired>
  std::size_t advance(SteadyTime now, std::size_t budget, Expired&& expired) {
    collect_due(tick_of(now));
    std::size_t count = 0;
    while (count < budget && due_.next != &due_) {
      auto& node = static_cast<TimerNode&>(*due_.next);
      unlink(node);
      ++count;
      expired(node);
    }
    return count;
  }

 private:
  static void append(TimerLink& list, TimerLink& link);
  static void unlink(TimerNode& node);
  [[nodiscard]] std::uint64_t tick_of(SteadyTime time) const;
  void collect_due(std::uint64_t tick);
  void collect_slot(std::size_t slot, std::uint64_t tick);
  [[nodiscard]] bool slot_used(std::size_t slot) const { return used_[slot / 64] >> (slot % 64) & 1; }

  SteadyTime start_;
  std::uint64_t tick_ = 0;  ///< All slots up to this tick were collected.
  TimerLink due_;           ///< Expired, not yet told.
  std::array<TimerLink, kSlots> slots_;
  std::array<std::uint64_t, kSlots / 64> used_{};  ///< A bit a slot: may hold nodes. Keeps until_next() short.
};

}  // namespace sluice::gateway
