// Read-your-writes over an informer's cache: what this process has just written counts as observed, though the watch
// has not brought it back yet. Without it a reconcile from a stale cache would make the same pod twice or choose a
// second victim. Source: client-go's MutationCache and the "expectations" of kube-controller-manager solve the same.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/kube/resource.h"
#include "operator/pod_facts.h"

namespace sluice::op {

/// Whether resource version `a` is as new as `b`, as kube::compare_resource_versions has it; an empty one is older than
/// all.
bool version_reached(std::string_view a, std::string_view b);

/// `Object` is what a cache holds: kube::Json, or PodFacts. Threads: any. Each object belongs to a scope, the key of
/// the RealtimeGateway.
template <class Object>
class OwnWrites {
 public:
  using Pointer = std::shared_ptr<const Object>;

  /// `clock` outlives this.
  explicit OwnWrites(const Clock& clock) : clock_(clock) {}

  /// The API server answered a create or an update with `object`.
  void wrote(std::string_view scope, Object object);
  /// The API server accepted the deletion of `object`, as it was known. It counts as terminating until the cache shows
  /// what became of it.
  void removed(std::string_view scope, Object object);
  /// A list from etcd, of version `version`, held the objects with these UIDs and no others of any scope: what the
  /// cache still shows from before it, and is not among them, is gone. Believed until the cache has reached `version`.
  void listed(std::string version, std::set<std::string, std::less<>> uids);

  /// `cached` with our newer writes laid over it. `cache_version` is the informer's resource version, read before
  /// `cached` was: what it has reached is believed over our memory.
  std::vector<Pointer> newest(std::string_view scope, std::vector<Pointer> cached, std::string_view cache_version);
  /// Forgets a scope and those below it ("scope/...").
  void forget(std::string_view scope);

 private:
  struct Entry {
    Pointer object;
    bool removed = false;
    SteadyTime at{};
  };
  using Entries = std::map<std::string, Entry, std::less<>>;  ///< By object key.

  void drop_gone(std::vector<Pointer>& cached, std::string_view cache_version);
  bool outdated(const Entry& entry, const Pointer& cached, std::string_view cache_version) const;
  void keep(std::string_view scope, Object object, bool removed);

  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Entries, std::less<>> scopes_;
  std::string listed_version_;  ///< Empty: no list that the cache has not reached.
  std::set<std::string, std::less<>> listed_uids_;
};

using ObjectWrites = OwnWrites<kube::Json>;
using PodWrites = OwnWrites<PodFacts>;

}  // namespace sluice::op
