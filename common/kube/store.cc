#include "common/kube/store.h"

#include <utility>

namespace sluice::kube {
namespace {

/// The step from `before`, which is known, to `after`, both of one name.
void add_step(std::vector<Change>& changes, const Object& before, const Object& after) {
  if (uid_of(*before) != uid_of(*after)) {
    changes.push_back({before, nullptr});
    changes.push_back({nullptr, after});
  } else {
    changes.push_back({before, after});
  }
}

bool same_version_of(const Json& a, const Json& b) {
  return !resource_version_of(a).empty() && resource_version_of(a) == resource_version_of(b) && uid_of(a) == uid_of(b);
}

}  // namespace

bool Held::same_version(const Held& other) const {
  if (!*this || !other) return false;
  // The version is a part of the object: with one table of names equal bytes are equal objects, which spares decoding.
  if (packed_ && other.packed_ && names_ == other.names_ && *packed_ == *other.packed_) {
    return !resource_version_of(*get()).empty();
  }
  return same_version_of(*get(), *other.get());
}

void Store::put(const std::string& key, Held held, const Json& object) {
  const auto at = objects_.insert_or_assign(key, std::move(held)).first;
  if (options_.index) index_[options_.index(object)].insert(at->first);
}

void Store::erase(Objects::iterator known, const Json& object) {
  if (options_.index) {
    const auto entry = index_.find(options_.index(object));
    if (entry != index_.end()) {
      entry->second.erase(known->first);
      if (entry->second.empty()) index_.erase(entry);
    }
  }
  objects_.erase(known);
}

void Store::add(Json object) {
  (void)apply({WatchEvent::Type::kAdded, std::move(object)});
}

std::vector<Change> Store::apply(WatchEvent event) {
  std::vector<Change> changes;
  const bool is_object = event.type == WatchEvent::Type::kAdded || event.type == WatchEvent::Type::kModified ||
                         event.type == WatchEvent::Type::kDeleted;
  if (!is_object || name_of(event.object).empty()) return changes;
  const std::string key = key_of(event.object);
  const auto known = objects_.find(key);
  const Object before = known == objects_.end() ? nullptr : known->second.get();
  const Object after = std::make_shared<const Json>(std::move(event.object));
  if (event.type == WatchEvent::Type::kDeleted) {
    if (!before) return changes;
    // The event carries the object's last state, which is newer than ours; but not another object's.
    changes.push_back({uid_of(*before) == uid_of(*after) ? after : before, nullptr});
    erase(known, *before);
    return changes;
  }
  if (!before) {
    changes.push_back({nullptr, after});
  } else {
    if (same_version_of(*before, *after)) return changes;
    add_step(changes, before, after);
    erase(known, *before);
  }
  Digest digest = options_.digest ? options_.digest(*after) : nullptr;
  put(key, names_ ? Held(*after, names_, std::move(digest)) : Held(after, std::move(digest)), *after);
  return changes;
}

std::vector<HeldChange> Store::replace(Store state) {
  std::vector<HeldChange> changes;
  for (const auto& [key, before] : objects_) {
    if (state.objects_.find(key) == state.objects_.end()) changes.push_back({before, {}});
  }
  for (auto& [key, after] : state.objects_) {
    const auto known = objects_.find(key);
    if (known == objects_.end()) {
      changes.push_back({{}, after});
    } else if (known->second.same_version(after)) {
      after = known->second;
    } else if (uid_of(*known->second.get()) != uid_of(*after.get())) {
      changes.push_back({known->second, {}});
      changes.push_back({{}, after});
    } else {
      changes.push_back({known->second, after});
    }
  }
  objects_ = std::move(state.objects_);
  index_ = std::move(state.index_);
  return changes;
}

Held Store::held(std::string_view key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? Held() : found->second;
}

std::vector<Held> Store::held() const {
  std::vector<Held> out;
  out.reserve(objects_.size());
  for (const auto& [key, object] : objects_) out.push_back(object);
  return out;
}

std::vector<Held> Store::held_namespace(std::string_view ns) const {
  std::vector<Held> out;
  const std::string prefix = std::string(ns) + "/";
  for (auto at = objects_.lower_bound(prefix); at != objects_.end() && at->first.starts_with(prefix); ++at) {
    out.push_back(at->second);
  }
  return out;
}

std::vector<Held> Store::held_indexed(std::string_view value) const {
  std::vector<Held> out;
  const auto entry = index_.find(value);
  if (entry == index_.end()) return out;
  out.reserve(entry->second.size());
  for (const std::string_view key : entry->second) out.push_back(held(key));
  return out;
}

std::vector<Object> Store::list() const {
  std::vector<Object> out;
  out.reserve(objects_.size());
  for (const auto& [key, held] : objects_) out.push_back(held.get());
  return out;
}

Object RecentObjects::get(const Held& held) {
  if (!held.is_packed()) return held.get();
  {
    const MutexLock lock(mutex_);
    const auto known = entries_.find(held.identity());
    if (known != entries_.end()) return known->second.object;
  }
  Object object = held.get();
  const MutexLock lock(mutex_);
  if (!entries_.emplace(held.identity(), Entry{held, object}).second) return object;
  order_.push_back(held.identity());
  if (order_.size() > kObjectsMax) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  return object;
}

std::vector<Object> RecentObjects::get(const std::vector<Held>& held) {
  const bool few = held.size() <= kObjectsMax / 2;
  std::vector<Object> out;
  out.reserve(held.size());
  for (const Held& object : held) out.push_back(few ? get(object) : object.get());
  return out;
}

}  // namespace sluice::kube
