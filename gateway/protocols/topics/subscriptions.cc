#include "gateway/protocols/topics/subscriptions.h"

namespace sluice::gateway {

std::uint32_t Subscriptions::take_entry() {
  if (first_free_ == 0) {
    entries_.emplace_back();
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  const std::uint32_t index = first_free_;
  first_free_ = entries_[index].next;
  return index;
}

bool Subscriptions::add(ConnectionId connection, std::uint64_t& head, std::string_view topic) {
  for (auto index = static_cast<std::uint32_t>(head); index != 0; index = entries_[index].next) {
    if (entries_[index].topic->first == topic) return false;
  }
  const auto found = topics_.try_emplace(std::string(topic)).first;
  const std::uint32_t index = take_entry();
  Entry& entry = entries_[index];
  entry.connection = connection;
  entry.topic = &*found;
  entry.place = static_cast<std::uint32_t>(found->second.size());
  entry.next = static_cast<std::uint32_t>(head);
  found->second.push_back(index);
  head = index;
  return true;
}

/// Takes the entry out of its topic and puts it on the free list.
void Subscriptions::leave_topic(std::uint32_t index) {
  Entry& entry = entries_[index];
  std::vector<std::uint32_t>& members = entry.topic->second;
  const std::uint32_t last = members.back();
  members[entry.place] = last;
  entries_[last].place = entry.place;
  members.pop_back();
  if (members.empty()) topics_.erase(topics_.find(entry.topic->first));
  entry.topic = nullptr;
  entry.connection = 0;
  entry.next = first_free_;
  first_free_ = index;
}

bool Subscriptions::remove(std::uint64_t& head, std::string_view topic) {
  std::uint32_t before = 0;
  for (auto index = static_cast<std::uint32_t>(head); index != 0; before = index, index = entries_[index].next) {
    if (entries_[index].topic->first != topic) continue;
    const std::uint32_t next = entries_[index].next;
    if (before == 0) {
      head = next;
    } else {
      entries_[before].next = next;
    }
    leave_topic(index);
    return true;
  }
  return false;
}

std::size_t Subscriptions::remove_all(std::uint64_t& head) {
  std::size_t count = 0;
  for (auto index = static_cast<std::uint32_t>(head); index != 0;) {
    const std::uint32_t next = entries_[index].next;
    leave_topic(index);
    index = next;
    ++count;
  }
  head = 0;
  return count;
}

std::size_t Subscriptions::count(std::uint64_t head) const {
  std::size_t count = 0;
  for (auto index = static_cast<std::uint32_t>(head); index != 0; index = entries_[index].next) ++count;
  return count;
}

}  // namespace sluice::gateway
