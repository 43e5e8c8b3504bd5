// A local copy of one resource type, kept by list and watch, that tells a handler what changed. Level-based users only
// enqueue the key. Source: client-go tools/cache (Reflector, SharedIndexInformer).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/kube/client.h"
#include "common/kube/resource.h"
#include "common/kube/store.h"

namespace sluice::kube {

class Informer {
 public:
  /// `before` is null for an addition, `after` for a deletion, where `before` is the last state that is known. A relist
  /// synthesises the changes that the watch missed. Every 10 hours each object is shown again as its own update
  /// (`before` == `after`). Runs on the informer's thread, in the order of the changes; must not block for long: it may
  /// not call stop().
  using Handler = std::function<void(const Object& before, const Object& after)>;
  /// Where a change comes from. A queue takes what the first list and a resync bring at kLowPriority, so that the start
  /// of a controller does not delay what happens now.
  enum class Origin {
    kFirstList,
    kChange,
    kRelist,  ///< A list after the first: it may join what happened meanwhile, so that only the version differs.
    kResync,
  };
  using OriginHandler = std::function<void(const Object& before, const Object& after, Origin origin)>;
  /// The same of what Options::digest makes of them.
  using DigestPtr = std::shared_ptr<const void>;
  using DigestHandler = std::function<void(const DigestPtr& before, const DigestPtr& after, Origin origin)>;

  struct Options {
    std::string ns;  ///< "" for all namespaces.
    std::string label_selector;
    std::string field_selector;
    /// Shrinks an object before it is stored (metadata.managedFields is always dropped), apiVersion and kind included.
    /// Must leave metadata's name, namespace, uid and resourceVersion. These three run on the client's or the
    /// informer's thread, and are to be pure.
    std::function<void(Json&)> transform{};
    /// What list_indexed() finds an object by; see Store::Options.
    std::function<std::string(const Json&)> index{};
    /// What the cache keeps instead of each object: for types of which there are thousands. Only digest handlers are
    /// told of changes then, and only digests can be read.
    std::function<Digest(const Json&)> digest{};
  };

  /// All references live longer than the informer. Nothing runs before start().
  Informer(Client& client, const Clock& clock, Random& random, Resource resource, Options options,
           MetricsRegistry* metrics);
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  /// Before start() only. Several handlers are called in the order they were added.
  void add_handler(Handler handler);
  void add_handler(OriginHandler handler);
  void add_digest_handler(DigestHandler handler);
  void start();
  /// Ends the watch; no handler runs after it returns. Where a list is under way it waits for that: Client::shut_down()
  /// before it makes it short.
  void stop();

  /// Waits until the first list is in the cache and its handlers have run. False at the time-out and after stop().
  bool wait_synced(Duration at_most);
  [[nodiscard]] bool synced() const;

  // The cache. Threads: any.
  [[nodiscard]] Object get(std::string_view key) const;  ///< Null where there is none.
  [[nodiscard]] std::vector<Object> list() const;
  [[nodiscard]] std::vector<Object> list_namespace(std::string_view ns) const;
  /// Those for which Options::index answers `value`.
  [[nodiscard]] std::vector<Object> list_indexed(std::string_view value) const;
  // The same of a cache that keeps digests.
  [[nodiscard]] DigestPtr digest(std::string_view key) const;  ///< Null where there is no such object.
  [[nodiscard]] std::vector<DigestPtr> digests() const;
  [[nodiscard]] std::vector<DigestPtr> digests_indexed(std::string_view value) const;
  [[nodiscard]] std::size_t size() const;
  /// The version that the cache has reached, as the server wrote it: never newer than what get() and list() answer. ""
  /// before the first list.
  [[nodiscard]] std::string resource_version() const;
  /// When the last list, event or bookmark came: how stale the cache may be.
  [[nodiscard]] SteadyTime last_contact() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::kube
