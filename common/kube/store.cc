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

bool same_version(const Json& a, const Json& b) {
  return !resource_version_of(a).empty() && resource_version_of(a) == resource_version_of(b) && uid_of(a) == uid_of(b);
}

}  // namespace

std::vector<Change> Store::apply(WatchEvent event) {
  std::vector<Change> changes;
  const bool is_object = event.type == WatchEvent::Type::kAdded || event.type == WatchEvent::Type::kModified ||
                         event.type == WatchEvent::Type::kDeleted;
  if (!is_object || name_of(event.object).empty()) return changes;
  const std::string key = key_of(event.object);
  const Object after = std::make_shared<const Json>(std::move(event.object));
  const auto known = objects_.find(key);
  if (event.type == WatchEvent::Type::kDeleted) {
    if (known == objects_.end()) return changes;
    // The event carries the object's last state, which is newer than ours; but not another object's.
    changes.push_back({uid_of(*known->second) == uid_of(*after) ? after : known->second, nullptr});
    objects_.erase(known);
    return changes;
  }
  if (known == objects_.end()) {
    objects_.emplace(key, after);
    changes.push_back({nullptr, after});
    return changes;
  }
  if (same_version(*known->second, *after)) return changes;
  add_step(changes, known->second, after);
  known->second = after;
  return changes;
}

std::vector<Change> Store::replace(Store state) {
  std::vector<Change> changes;
  for (const auto& [key, before] : objects_) {
    if (state.objects_.find(key) == state.objects_.end()) changes.push_back({before, nullptr});
  }
  for (auto& [key, after] : state.objects_) {
    const auto known = objects_.find(key);
    if (known == objects_.end()) {
      changes.push_back({nullptr, after});
    } else if (same_version(*known->second, *after)) {
      after = known->second;
    } else {
      add_step(changes, known->second, after);
    }
  }
  objects_ = std::move(state.objects_);
  return changes;
}

Object Store::get(std::string_view key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<Object> Store::list() const {
  std::vector<Object> out;
  out.reserve(objects_.size());
  for (const auto& [key, object] : objects_) out.push_back(object);
  return out;
}

std::vector<Object> Store::list_namespace(std::string_view ns) const {
  std::vector<Object> out;
  const std::string prefix = std::string(ns) + "/";
  for (auto at = objects_.lower_bound(prefix); at != objects_.end() && at->first.starts_with(prefix); ++at) {
    out.push_back(at->second);
  }
  return out;
}

}  // namespace sluice::kube
