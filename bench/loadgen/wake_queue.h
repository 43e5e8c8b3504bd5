// Timers of many clients, one each: the soonest first.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"

namespace sluice::loadgen {

/// Keeps one wake time for each id; setting it again replaces it. Entries that were replaced stay in the heap until
/// their time comes, so its size is bounded by the number of calls to set() within the longest wait. Threads: one.
class WakeQueue {
 public:
  /// SteadyTime::max() forgets the id.
  void set(std::uint32_t id, SteadyTime when) {
    if (when == SteadyTime::max()) {
      wanted_.erase(id);
      return;
    }
    const auto [at, added] = wanted_.try_emplace(id, when);
    if (!added && at->second == when) return;
    at->second = when;
    heap_.push({when, id});
  }
  /// An id whose time has come; it is forgotten.
  std::optional<std::uint32_t> pop_due(SteadyTime now) {
    while (!heap_.empty() && heap_.top().when <= now) {
      const Entry entry = heap_.top();
      heap_.pop();
      const auto at = wanted_.find(entry.id);
      if (at == wanted_.end() || at->second != entry.when) continue;
      wanted_.erase(at);
      return entry.id;
    }
    return std::nullopt;
  }

 private:
  struct Entry {
    SteadyTime when;
    std::uint32_t id;
    bool operator>(const Entry& other) const { return when > other.when; }
  };
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
  std::unordered_map<std::uint32_t, SteadyTime> wanted_;
};

}  // namespace sluice::loadgen
