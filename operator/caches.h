// The operator's informers: one a resource type, only objects that carry our label (nodes: all).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/kube/informer.h"
#include "operator/node_view.h"
#include "operator/pod_facts.h"

namespace sluice::op {

struct Caches {
  kube::Informer gateways;
  kube::Informer pods;  ///< As PodFacts: read by what stands below.
  kube::Informer services;
  kube::Informer pdbs;
  kube::Informer config_maps;
  kube::Informer revisions;  ///< ControllerRevisions.
  kube::Informer nodes;      ///< All of them, as NodeViews.

  /// `ns`: the one namespace that is watched; empty: all. References outlive the caches.
  Caches(kube::Client& client, const Clock& clock, Random& random, MetricsRegistry& metrics, const std::string& ns);

  /// Another informer, over the same connection. The caller starts and stops it.
  std::unique_ptr<kube::Informer> informer(const kube::Resource& resource, kube::Informer::Options options);

  /// Those with the label of the RealtimeGateway `key`, whoever owns them.
  [[nodiscard]] std::vector<PodPtr> pods_of(std::string_view key) const;
  [[nodiscard]] std::vector<PodPtr> all_pods() const;
  [[nodiscard]] PodPtr pod(std::string_view key) const;  ///< Null where there is none.
  [[nodiscard]] NodePtr node(std::string_view name) const;

  /// Handlers, as Informer's are; null where nothing is before an addition or after a deletion. Before start() only.
  void on_pod(std::function<void(const PodPtr& before, const PodPtr& after, kube::Informer::Origin origin)> handler);
  void on_node(std::function<void(const NodeView* before, const NodeView* after)> handler);

  void start();
  void stop();
  [[nodiscard]] bool synced() const;
  /// Waits for all first lists. False at the time-out.
  bool wait_synced(Duration at_most);

 private:
  kube::Client& client_;
  const Clock& clock_;
  Random& random_;
  MetricsRegistry& metrics_;
};

}  // namespace sluice::op
