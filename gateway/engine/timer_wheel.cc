#include "gateway/engine/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace sluice::gateway {

TimerWheel::TimerWheel(SteadyTime start) : start_(start) {
  due_.previous = due_.next = &due_;
  for (TimerLink& slot : slots_) slot.previous = slot.next = &slot;
}

TimerWheel::~TimerWheel() {
  assert(due_.next == &due_);
  for ([[maybe_unused]] const TimerLink& slot : slots_) assert(slot.next == &slot);
}

void TimerWheel::append(TimerLink& list, TimerLink& link) {
  link.previous = list.previous;
  link.next = &list;
  list.previous->next = &link;
  list.previous = &link;
}

void TimerWheel::unlink(TimerNode& node) {
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.previous = node.next = nullptr;
}

std::uint64_t TimerWheel::tick_of(SteadyTime time) const {
  return time <= start_ ? 0 : static_cast<std::uint64_t>((time - start_) / kTick);
}

void TimerWheel::arm(TimerNode& node, SteadyTime at) {
  if (node.armed()) unlink(node);
  const std::uint64_t rounded_up = tick_of(at + kTick - SteadyTime::duration(1));
  node.due_tick = std::max(rounded_up, tick_ + 1);
  const std::size_t slot = node.due_tick % kSlots;
  append(slots_[slot], node);
  used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::cancel(TimerNode& node) {
  // The slot's bit may stay set for an empty slot: the next collection of the slot clears it.
  if (node.armed()) unlink(node);
}

Duration TimerWheel::until_next(SteadyTime now, Duration at_most) const {
  if (due_.next != &due_) return Duration::zero();
  const std::uint64_t now_tick = std::max(tick_of(now), tick_);
  const auto horizon = static_cast<std::uint64_t>(at_most / kTick) + 1;
  std::uint64_t tick = tick_ + 1;
  const std::uint64_t last = std::min(now_tick + horizon, tick_ + kSlots);
  while (tick <= last) {
    const std::size_t slot = tick % kSlots;
    const std::uint64_t word = used_[slot / 64] >> (slot % 64);
    if (word == 0) {
      tick += 64 - slot % 64;
      continue;
    }
    tick += static_cast<std::uint64_t>(std::countr_zero(word));
    break;
  }
  if (tick > last) return at_most;
  const SteadyTime due = start_ + tick * kTick;
  if (due <= now) return Duration::zero();
  // Rounded up: a wait that ends before the tick would only be followed by another one.
  return std::min(at_most, std::chrono::ceil<Duration>(due - now));
}

void TimerWheel::collect_due(std::uint64_t tick) {
  if (tick <= tick_) return;
  // After a long pause each slot is visited once, whatever the number of turns that were missed.
  const std::uint64_t first = tick - tick_ > kSlots ? tick - kSlots + 1 : tick_ + 1;
  for (std::uint64_t t = first; t <= tick; ++t) {
    if (slot_used(t % kSlots)) collect_slot(t % kSlots, tick);
  }
  tick_ = tick;
}

void TimerWheel::collect_slot(std::size_t slot, std::uint64_t tick) {
  TimerLink& list = slots_[slot];
  for (TimerLink* link = list.next; link != &list;) {
    auto& node = static_cast<TimerNode&>(*link);
    link = link->next;
    if (node.due_tick > tick) continue;  // A later turn.
    unlink(node);
    append(due_, node);
  }
  if (list.next == &list) used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
}

}  // namespace sluice::gateway
