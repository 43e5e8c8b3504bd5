#include "operator/own_writes.h"

#include <utility>

#include "common/base/duration_text.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

std::string key_of(const kube::Json& object) {
  return kube::key_of(object);
}
std::string key_of(const PodFacts& pod) {
  return kube::make_key(pod.ns, pod.name);
}

std::string_view uid_of(const kube::Json& object) {
  return kube::uid_of(object);
}
std::string_view uid_of(const PodFacts& pod) {
  return pod.uid;
}

std::string_view version_of(const kube::Json& object) {
  return kube::resource_version_of(object);
}
std::string_view version_of(const PodFacts& pod) {
  return pod.resource_version;
}

bool is_deleting(const kube::Json& object) {
  return kube::is_deleting(object);
}
bool is_deleting(const PodFacts& pod) {
  return pod.terminating;
}

void set_deleting(kube::Json& object, WallTime now) {
  object["metadata"]["deletionTimestamp"] = format_rfc3339(now);
}
void set_deleting(PodFacts& pod, WallTime now) {
  pod.terminating = true;
  pod.killed_at = now;
}

}  // namespace

bool version_reached(std::string_view a, std::string_view b) {
  if (b.empty()) return true;
  const auto order = kube::compare_resource_versions(a, b);
  return order && *order >= 0;
}

template <class Object>
void OwnWrites<Object>::wrote(std::string_view scope, Object object) {
  keep(scope, std::move(object), false);
}

template <class Object>
void OwnWrites<Object>::removed(std::string_view scope, Object object) {
  if (!is_deleting(object)) set_deleting(object, clock_.wall());
  keep(scope, std::move(object), true);
}

template <class Object>
void OwnWrites<Object>::keep(std::string_view scope, Object object, bool removed) {
  const std::lock_guard lock(mutex_);
  Entries& entries = scopes_.try_emplace(std::string(scope)).first->second;
  Entry& entry = entries[key_of(object)];
  // Calls may end in another order than the server served them in; the newer object stays.
  if (!removed && entry.object && version_reached(version_of(*entry.object), version_of(object)) &&
      uid_of(*entry.object) == uid_of(object)) {
    return;
  }
  entry = {std::make_shared<const Object>(std::move(object)), removed, clock_.steady()};
}

template <class Object>
void OwnWrites<Object>::listed(std::string version, std::set<std::string, std::less<>> uids) {
  const std::lock_guard lock(mutex_);
  listed_version_ = std::move(version);
  listed_uids_ = std::move(uids);
}

template <class Object>
void OwnWrites<Object>::drop_gone(std::vector<Pointer>& cached, std::string_view cache_version) {
  if (listed_version_.empty()) return;
  if (version_reached(cache_version, listed_version_)) {
    listed_version_.clear();
    listed_uids_.clear();
    return;
  }
  std::erase_if(cached, [&](const Pointer& object) {
    return version_reached(listed_version_, version_of(*object)) && !listed_uids_.contains(uid_of(*object));
  });
}

template <class Object>
bool OwnWrites<Object>::outdated(const Entry& entry, const Pointer& cached, std::string_view cache_version) const {
  if (clock_.steady() - entry.at > kOwnWriteMemory) return true;
  if (!version_reached(cache_version, version_of(*entry.object))) {
    // The cache as a whole is behind, yet this object may already be newer in it.
    return cached && uid_of(*cached) == uid_of(*entry.object) && !entry.removed &&
           version_reached(version_of(*cached), version_of(*entry.object));
  }
  if (!entry.removed || !cached) return true;
  // A deletion without grace does not change the object before it is gone: the cache may show it alive a while longer.
  return uid_of(*cached) != uid_of(*entry.object) || is_deleting(*cached);
}

template <class Object>
std::vector<typename OwnWrites<Object>::Pointer> OwnWrites<Object>::newest(std::string_view scope,
                                                                           std::vector<Pointer> cached,
                                                                           std::string_view cache_version) {
  const std::lock_guard lock(mutex_);
  drop_gone(cached, cache_version);
  const auto found = scopes_.find(scope);
  if (found == scopes_.end()) return cached;
  Entries& entries = found->second;

  std::map<std::string, std::size_t, std::less<>> index_of;
  for (std::size_t i = 0; i < cached.size(); ++i) index_of.emplace(key_of(*cached[i]), i);
  for (auto it = entries.begin(); it != entries.end();) {
    const auto index = index_of.find(it->first);
    const bool known = index != index_of.end();
    if (outdated(it->second, known ? cached[index->second] : nullptr, cache_version)) {
      it = entries.erase(it);
      continue;
    }
    if (known) {
      cached[index->second] = it->second.object;
    } else {
      cached.push_back(it->second.object);
    }
    ++it;
  }
  if (entries.empty()) scopes_.erase(found);
  return cached;
}

template <class Object>
void OwnWrites<Object>::forget(std::string_view scope) {
  const std::lock_guard lock(mutex_);
  const std::string below = std::string(scope) + "/";
  std::erase_if(scopes_, [&](const auto& entry) { return entry.first == scope || entry.first.starts_with(below); });
}

template class OwnWrites<kube::Json>;
template class OwnWrites<PodFacts>;

}  // namespace sluice::op
