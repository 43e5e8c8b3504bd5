// How soon a RealtimeGateway may be looked at again: a look at thousands of pods takes milliseconds, and each of them
// may bring an event. Pure; the times are passed in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "operator/limits.h"

namespace sluice::op {

/// Threads: guarded by its owner.
class LookPace {
 public:
  /// A look at `key` that ended at `now` has cost so much CPU. What counts is the cheaper one of the last two: one that
  /// made many pods, or was unlucky with its caches, says nothing of the next.
  void took(const std::string& key, SteadyTime::duration cpu, SteadyTime now) {
    if (cpu < kLookWorthPacing) {
      looked_.erase(key);
      return;
    }
    Looked& looked = looked_[key];
    const SteadyTime::duration cost = std::min(cpu, std::exchange(looked.last, cpu));
    looked.not_before = now + std::min<SteadyTime::duration>(cost * (kLookShare - 1), kLookPauseMax);
  }
  /// Zero where it may be looked at now.
  [[nodiscard]] Duration wait(const std::string& key, SteadyTime now) const {
    const auto found = looked_.find(key);
    if (found == looked_.end()) return Duration(0);
    return std::max(std::chrono::ceil<Duration>(found->second.not_before - now), Duration(0));
  }
  void forget(const std::string& key) { looked_.erase(key); }
  [[nodiscard]] std::size_t size() const { return looked_.size(); }

 private:
  struct Looked {
    SteadyTime::duration last{0};
    SteadyTime not_before{};
  };
  std::map<std::string, Looked> looked_;
};

}  // namespace sluice::op
