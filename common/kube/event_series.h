// What becomes of an event: sent as a new object, counted into the series of one that is there, or left out because its
// object has sent too many. Pure; the time is passed in. Source: client-go tools/events (series), tools/record (spam
// filter).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/clock.h"

namespace sluice::kube {

/// Bounds, and what is alike. Threads: one.
class EventSeries {
 public:
  /// A burst an object, and how long one more takes to become allowed.
  static constexpr int kBurst = 25;
  static constexpr Duration kRefill{300'000};
  /// A like event that comes later than this starts a new object: etcd has forgotten the old one within the hour
  /// anyway.
  static constexpr Duration kSeriesGap{360'000};
  static constexpr std::size_t kKeysMax = 4096;

  struct Decision {
    enum class Kind { kCreate, kCount, kDrop };
    Kind kind = Kind::kCreate;
    std::string name;        ///< kCount: the Event object whose series grows.
    std::int64_t count = 1;  ///< kCount: how many there are now.
  };

  /// `alike` joins all that makes two events the same (object, type, reason, action, note); `object` is what the spam
  /// limit counts by. `new_name` is the Event's name should a new object be made.
  Decision decide(const std::string& alike, const std::string& object, std::string_view new_name, SteadyTime now);
  /// The object that decide() said to create or count into could not be written: the next like event makes a new one.
  void forget(const std::string& alike);

 private:
  struct Series {
    std::string name;
    std::int64_t count = 0;
    SteadyTime last{};
  };
  struct Bucket {
    double tokens = kBurst;
    SteadyTime last{};
  };

  /// A map that forgets what was used least recently, past kKeysMax.
  template <typename Value>
  class Recent {
   public:
    Value* find(const std::string& key) {
      const auto it = index_.find(key);
      if (it == index_.end()) return nullptr;
      order_.splice(order_.begin(), order_, it->second);
      return &it->second->second;
    }
    Value& add(const std::string& key, Value value) {
      order_.emplace_front(key, std::move(value));
      index_[key] = order_.begin();
      if (order_.size() > kKeysMax) {
        index_.erase(order_.back().first);
        order_.pop_back();
      }
      return order_.front().second;
    }
    void erase(const std::string& key) {
      const auto it = index_.find(key);
      if (it == index_.end()) return;
      order_.erase(it->second);
      index_.erase(it);
    }

   private:
    std::list<std::pair<std::string, Value>> order_;
    std::unordered_map<std::string, typename std::list<std::pair<std::string, Value>>::iterator> index_;
  };

  bool allowed(const std::string& object, SteadyTime now);

  Recent<Series> series_;
  Recent<Bucket> buckets_;
};

}  // namespace sluice::kube
