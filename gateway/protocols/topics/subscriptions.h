// Who hears what on one shard. A subscription stands in two lists: its topic's (an array, for the fan-out) and its
// connection's (linked, for the end of the connection); leaving both takes constant time. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/protocols/protocol.h"

namespace sluice::gateway {

class Subscriptions {
 public:
  /// `head` is the connection's word: the beginning of its list, 0 for an empty one. False where it is subscribed
  /// already.
  bool add(ConnectionId connection, std::uint64_t& head, std::string_view topic);
  /// False where it was not subscribed.
  bool remove(std::uint64_t& head, std::string_view topic);
  /// Answers how many there were.
  std::size_t remove_all(std::uint64_t& head);
  /// How many topics the connection of `head` hears.
  [[nodiscard]] std::size_t count(std::uint64_t head) const;

  /// Calls visit(ConnectionId) for each subscriber of `topic`. `visit` must not subscribe or unsubscribe.
  template <typename Visit>
  void each(std::string_view topic, Visit&& visit) const {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return;
    for (const std::uint32_t index : found->second) visit(entries_[index].connection);
  }
  [[nodiscard]] std::size_t topics() const { return topics_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Topics = std::unordered_map<std::string, std::vector<std::uint32_t>, Hash, std::equal_to<>>;

  struct Entry {
    ConnectionId connection = 0;
    Topics::value_type* topic = nullptr;  ///< Map nodes stay where they are.
    std::uint32_t place = 0;              ///< In the topic's array.
    std::uint32_t next = 0;               ///< Of the connection's list, or of the free list; 0 ends it.
  };

  std::uint32_t take_entry();
  void leave_topic(std::uint32_t index);

  Topics topics_;
  std::vector<Entry> entries_ = std::vector<Entry>(1);  ///< Entry 0 is nobody's: 0 means "none".
  std::uint32_t first_free_ = 0;
};

}  // namespace sluice::gateway
