// What becomes of an event: sent as a new object, counted into the series of one that is there, joined with others that
// differ in their note alone, or left out because its object has sent too many. Pure; the time is passed in. Source:
// client-go tools/events (series), tools/record (EventAggregator, EventSourceObjectSpamFilter).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "common/base/clock.h"

namespace sluice::kube {

/// What an event is compared by; each joins all that has to be the same.
struct EventKeys {
  std::string alike;    ///< Object, type, reason, action and note.
  std::string similar;  ///< The same without the note.
  std::string object;   ///< What the spam limit counts by.
};

/// Bounds, and what is alike. Threads: one.
class EventSeries {
 public:
  /// A burst an object, and how long one more takes to become allowed.
  static constexpr int kBurst = 25;
  static constexpr Duration kRefill{300'000};
  /// A like event that comes later than this starts a new object: etcd has forgotten the old one within the hour
  /// anyway.
  static constexpr Duration kSeriesGap{360'000};
  /// So many notes of similar events are told apart within the interval; the others become one combined series.
  static constexpr std::size_t kSimilarMax = 10;
  static constexpr Duration kSimilarInterval{600'000};
  static constexpr std::size_t kKeysMax = 4096;

  struct Decision {
    enum class Kind { kCreate, kCount, kDrop };
    Kind kind = Kind::kCreate;
    std::string name;        ///< kCount: the Event object whose series grows.
    std::int64_t count = 1;  ///< kCount: how many there are now.
    bool combined = false;   ///< The event stands for similar ones with other notes, too, and should say so.
    std::string series;      ///< For forget().
  };

  /// `new_name` is the Event's name should a new object be made.
  Decision decide(const EventKeys& keys, std::string_view new_name, SteadyTime now);
  /// The object that decide() said to create or count into could not be written: the next event of this series makes a
  /// new one.
  void forget(const std::string& series);

 private:
  struct Series {
    std::string name;
    std::int64_t count = 0;
    SteadyTime last{};
  };
  struct Similar {
    std::unordered_set<std::string> notes;  // the alike keys told apart since `since`
    SteadyTime since{};
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
  bool too_many_similar(const EventKeys& keys, SteadyTime now);

  Recent<Series> series_;
  Recent<Similar> similar_;
  Recent<Bucket> buckets_;
};

}  // namespace sluice::kube
