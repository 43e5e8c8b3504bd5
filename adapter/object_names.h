// Which objects a selector picks: pods from a watched cache, everything else by a LIST.
#pragma once

#include "adapter/metric_answer.h"
#include "common/base/random.h"
#include "common/kube/client.h"
#include "common/kube/informer.h"

namespace sluice::adapter {

/// Leaves of a pod what selecting needs: name, namespace, labels, phase, deletionTimestamp (and what the informer
/// needs).
void shrink_pod(nlohmann::json& pod);

/// Whether a pod counts. One that is terminating or has ended does not: the HPA leaves it out of its own list, and a
/// value for a name outside that list would enter its average.
bool pod_counts(const nlohmann::json& pod);

/// Threads: any.
class WatchedObjects final : public ObjectNames {
 public:
  /// References live longer.
  WatchedObjects(kube::Client& client, const Clock& clock, Random& random, MetricsRegistry& metrics);

  void start() { pods_.start(); }
  void stop() { pods_.stop(); }
  [[nodiscard]] bool synced() const { return pods_.synced(); }

  /// Errors: kUnavailable before the cache is filled, and those of read_api().
  Result<std::vector<std::string>> names(const ResourceKind& resource, std::string_view ns,
                                         const LabelSelector& selector) override;
  /// Of pods only those that count. Any other object is taken to be there: whether it has a value Prometheus knows.
  Result<bool> has(const ResourceKind& resource, std::string_view ns, std::string_view name) override;

 private:
  kube::Client& client_;
  kube::Informer pods_;
};

}  // namespace sluice::adapter
