#include "common/kube/store.h"

#include <utility>

namespace sluice::kube {

Arrival arrival_of(WatchEvent event, const StoreOptions& options) {
  Arrival out;
  out.type = event.type;
  out.version = resource_version_of(event.object);
  switch (event.type) {
    case WatchEvent::Type::kAdded:
    case WatchEvent::Type::kModified:
    case WatchEvent::Type::kDeleted:
      break;
    case WatchEvent::Type::kBookmark:
      out.ends_state = is_initial_events_end(event.object);
      return out;
    case WatchEvent::Type::kError:
      out.error = std::move(event.object);
      return out;
  }
  if (name_of(event.object).empty()) return out;
  out.key = key_of(event.object);
  if (options.index) out.index = options.index(event.object);
  out.held =
      options.digest ? Held(options.digest(event.object)) : Held(std::make_shared<const Json>(std::move(event.object)));
  return out;
}

void Store::put(Arrival arrival) {
  const auto at = objects_.insert_or_assign(std::move(arrival.key), Entry{std::move(arrival.held)}).first;
  if (!options_.index) return;
  at->second.indexed = &*index_.try_emplace(std::move(arrival.index)).first;
  at->second.indexed->second.emplace(at->first, &at->second);
}

void Store::erase(Objects::iterator known) {
  if (Index::value_type* indexed = known->second.indexed) {
    indexed->second.erase(known->first);
    if (indexed->second.empty()) index_.erase(indexed->first);
  }
  objects_.erase(known);
}

void Store::add(Json object) {
  (void)apply({WatchEvent::Type::kAdded, std::move(object)});
}

std::vector<Change> Store::take_in(Arrival arrival) {
  std::vector<Change> changes;
  if (arrival.key.empty()) return changes;
  const auto known = objects_.find(arrival.key);
  const Held before = known == objects_.end() ? Held() : known->second.held;
  const Held& after = arrival.held;
  if (arrival.type == WatchEvent::Type::kDeleted) {
    if (!before) return changes;
    // The event carries the object's last state, which is newer than ours; but not another object's.
    changes.push_back({before.uid() == after.uid() ? after : before, {}});
    erase(known);
    return changes;
  }
  if (before) {
    if (before.same_version(after)) return changes;
    if (before.uid() == after.uid()) {
      changes.push_back({before, after});
    } else {
      changes.push_back({before, {}});
      changes.push_back({{}, after});
    }
    erase(known);
  } else {
    changes.push_back({{}, after});
  }
  put(std::move(arrival));
  return changes;
}

std::vector<Change> Store::replace(Store state) {
  std::vector<Change> changes;
  for (const auto& [key, before] : objects_) {
    if (state.objects_.find(key) == state.objects_.end()) changes.push_back({before.held, {}});
  }
  for (auto& [key, entry] : state.objects_) {
    const auto known = objects_.find(key);
    if (known == objects_.end()) {
      changes.push_back({{}, entry.held});
    } else if (known->second.held.same_version(entry.held)) {
      entry.held = known->second.held;
    } else if (known->second.held.uid() != entry.held.uid()) {
      changes.push_back({known->second.held, {}});
      changes.push_back({{}, entry.held});
    } else {
      changes.push_back({known->second.held, entry.held});
    }
  }
  objects_ = std::move(state.objects_);
  index_ = std::move(state.index_);
  return changes;
}

Held Store::held(std::string_view key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? Held() : found->second.held;
}

std::vector<Held> Store::held() const {
  std::vector<Held> out;
  out.reserve(objects_.size());
  for (const auto& [key, entry] : objects_) out.push_back(entry.held);
  return out;
}

std::vector<Held> Store::held_namespace(std::string_view ns) const {
  std::vector<Held> out;
  const std::string prefix = std::string(ns) + "/";
  for (auto at = objects_.lower_bound(prefix); at != objects_.end() && at->first.starts_with(prefix); ++at) {
    out.push_back(at->second.held);
  }
  return out;
}

std::vector<Held> Store::held_indexed(std::string_view value) const {
  std::vector<Held> out;
  const auto entry = index_.find(value);
  if (entry == index_.end()) return out;
  out.reserve(entry->second.size());
  for (const auto& [key, indexed] : entry->second) out.push_back(indexed->held);
  return out;
}

std::vector<std::shared_ptr<const void>> Store::digests_indexed(std::string_view value) const {
  std::vector<std::shared_ptr<const void>> out;
  const auto entry = index_.find(value);
  if (entry == index_.end()) return out;
  out.reserve(entry->second.size());
  for (const auto& [key, indexed] : entry->second) {
    if (indexed->held.digest()) out.push_back(indexed->held.digest());
  }
  return out;
}

}  // namespace sluice::kube
