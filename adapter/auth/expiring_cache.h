// Answers that stay good for a while. Bounded: the oldest goes first, so a flood of strangers costs memory for a moment
// and no more.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/base/clock.h"

namespace sluice::adapter {

/// Threads: any.
template <typename Value>
class ExpiringCache {
 public:
  ExpiringCache(const Clock& clock, Duration lifetime, std::size_t entries_max)
      : clock_(clock), lifetime_(lifetime), entries_max_(entries_max) {}

  [[nodiscard]] std::optional<Value> get(const std::string& key) {
    const std::lock_guard lock(mutex_);
    drop_expired();
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? std::nullopt : std::optional<Value>(found->second->value);
  }

  void put(const std::string& key, Value value) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      entries_.erase(found->second);
      by_key_.erase(found);
    }
    drop_expired();
    while (entries_.size() >= entries_max_) drop_oldest();
    entries_.push_back({key, std::move(value), clock_.steady() + lifetime_});
    by_key_.emplace(key, std::prev(entries_.end()));
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    SteadyTime ends;
  };

  // All live equally long, so the list is in the order of their ends.
  void drop_expired() {
    while (!entries_.empty() && entries_.front().ends <= clock_.steady()) drop_oldest();
  }
  void drop_oldest() {
    by_key_.erase(entries_.front().key);
    entries_.pop_front();
  }

  const Clock& clock_;
  const Duration lifetime_;
  const std::size_t entries_max_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;                                                     // guarded by mutex_
  std::unordered_map<std::string, typename std::list<Entry>::iterator> by_key_;  // guarded by mutex_
};

}  // namespace sluice::adapter
