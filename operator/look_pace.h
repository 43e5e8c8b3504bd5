// How soon a RealtimeGateway may be looked at again: a look at thousands of pods takes milliseconds, and each of them
// may bring an event. Pure; the times are passed in.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "common/base/clock.h"
#include "operator/limits.h"

namespace sluice::op {

/// Threads: guarded by its owner.
class LookPace {
 public:
  /// A look at `key` that ended at `now` has cost so much CPU.
  void took(const std::string& key, SteadyTime::duration cpu, SteadyTime now) {
    if (cpu < kLookWorthPacing) {
      not_before_.erase(key);
    } else {
      not_before_[key] = now + std::min<SteadyTime::duration>(cpu * (kLookShare - 1), kLookPauseMax);
    }
  }
  /// Zero where it may be looked at now.
  [[nodiscard]] Duration wait(const std::string& key, SteadyTime now) const {
    const auto found = not_before_.find(key);
    if (found == not_before_.end()) return Duration(0);
    return std::max(std::chrono::ceil<Duration>(found->second - now), Duration(0));
  }
  void forget(const std::string& key) { not_before_.erase(key); }

 private:
  std::map<std::string, SteadyTime> not_before_;
};

}  // namespace sluice::op
