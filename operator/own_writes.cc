#include "operator/own_writes.h"

#include "common/base/duration_text.h"
#include "operator/limits.h"

namespace sluice::op {

bool version_reached(std::string_view a, std::string_view b) {
  if (b.empty()) return true;
  const auto order = kube::compare_resource_versions(a, b);
  return order && *order >= 0;
}

void OwnWrites::wrote(std::string_view scope, const kube::Json& object) {
  keep(scope, object, false);
}

void OwnWrites::removed(std::string_view scope, const kube::Json& object) {
  kube::Json gone = object;
  if (!kube::is_deleting(gone)) gone["metadata"]["deletionTimestamp"] = format_rfc3339(clock_.wall());
  keep(scope, std::move(gone), true);
}

void OwnWrites::keep(std::string_view scope, kube::Json object, bool removed) {
  const std::lock_guard lock(mutex_);
  std::string key = kube::key_of(object);
  Entries& entries = scopes_.try_emplace(std::string(scope)).first->second;
  Entry& entry = entries[std::move(key)];
  // Calls may end in another order than the server served them in; the newer object stays.
  if (!removed && entry.object &&
      version_reached(kube::resource_version_of(*entry.object), kube::resource_version_of(object)) &&
      kube::uid_of(*entry.object) == kube::uid_of(object)) {
    return;
  }
  entry = {std::make_shared<const kube::Json>(std::move(object)), removed, clock_.steady()};
}

void OwnWrites::listed(std::string version, std::set<std::string, std::less<>> uids) {
  const std::lock_guard lock(mutex_);
  listed_version_ = std::move(version);
  listed_uids_ = std::move(uids);
}

void OwnWrites::drop_gone(std::vector<kube::Object>& cached, std::string_view cache_version) {
  if (listed_version_.empty()) return;
  if (version_reached(cache_version, listed_version_)) {
    listed_version_.clear();
    listed_uids_.clear();
    return;
  }
  std::erase_if(cached, [&](const kube::Object& object) {
    return version_reached(listed_version_, kube::resource_version_of(*object)) &&
           !listed_uids_.contains(kube::uid_of(*object));
  });
}

bool OwnWrites::outdated(const Entry& entry, const kube::Object& cached, std::string_view cache_version) const {
  if (clock_.steady() - entry.at > kOwnWriteMemory) return true;
  if (!version_reached(cache_version, kube::resource_version_of(*entry.object))) {
    // The cache as a whole is behind, yet this object may already be newer in it.
    return cached && kube::uid_of(*cached) == kube::uid_of(*entry.object) && !entry.removed &&
           version_reached(kube::resource_version_of(*cached), kube::resource_version_of(*entry.object));
  }
  if (!entry.removed || !cached) return true;
  // A deletion without grace does not change the object before it is gone: the cache may show it alive a while longer.
  return kube::uid_of(*cached) != kube::uid_of(*entry.object) || kube::is_deleting(*cached);
}

std::vector<kube::Object> OwnWrites::newest(std::string_view scope, std::vector<kube::Object> cached,
                                            std::string_view cache_version) {
  const std::lock_guard lock(mutex_);
  drop_gone(cached, cache_version);
  const auto found = scopes_.find(scope);
  if (found == scopes_.end()) return cached;
  Entries& entries = found->second;

  std::map<std::string, std::size_t, std::less<>> index_of;
  for (std::size_t i = 0; i < cached.size(); ++i) index_of.emplace(kube::key_of(*cached[i]), i);
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

void OwnWrites::forget(std::string_view scope) {
  const std::lock_guard lock(mutex_);
  const std::string below = std::string(scope) + "/";
  std::erase_if(scopes_, [&](const auto& entry) { return entry.first == scope || entry.first.starts_with(below); });
}

}  // namespace sluice::op
