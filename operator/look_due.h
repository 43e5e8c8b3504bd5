// Whether a RealtimeGateway is to be looked at: since something has changed that a look reads, or for a time that a
// former look has named. What its pods' owners and their neighbours write into them for themselves (an annotation, a
// condition) is an event as well, and would cost a look at a hundred pods to find that nothing is different. Every look
// reads everything, so one is enough for all that has come until it begins. Pure; the times are passed in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/clock.h"

namespace sluice::op {

/// Threads: guarded by its owner.
class LookDue {
 public:
  /// `key` is to be looked at at `at`; sooner where somebody else has said so.
  void want(const std::string& key, SteadyTime at) {
    const auto [known, fresh] = at_.try_emplace(key, at);
    if (!fresh) known->second = std::min(known->second, at);
  }
  /// How long until `key` is to be looked at: 0 where it is due, nullopt where nobody wants it.
  [[nodiscard]] std::optional<Duration> in(const std::string& key, SteadyTime now) const {
    const auto wanted = at_.find(key);
    if (wanted == at_.end()) return std::nullopt;
    return std::chrono::ceil<Duration>(std::max(wanted->second - now, SteadyTime::duration(0)));
  }
  /// A look begins: what is wanted from now on is for the next one.
  void begun(const std::string& key) { at_.erase(key); }
  [[nodiscard]] std::size_t size() const { return at_.size(); }

 private:
  std::unordered_map<std::string, SteadyTime> at_;
};

}  // namespace sluice::op
