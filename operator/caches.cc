#include "operator/caches.h"

#include <array>
#include <utility>

#include "operator/names.h"
#include "operator/node_view.h"
#include "operator/pod_facts.h"

namespace sluice::op {
namespace {

kube::Informer::Options ours(const std::string& ns) {
  return {.ns = ns, .label_selector = kGatewayLabel, .field_selector = ""};
}

/// There may be thousands: only what is read of them is kept.
kube::Informer::Options our_pods(const std::string& ns) {
  kube::Informer::Options options = ours(ns);
  options.index = key_of_owner;
  options.digest = [](const kube::Json& pod) {
    auto facts = std::make_shared<const PodFacts>(facts_of(pod));
    return kube::Digest{.value = facts, .uid = facts->uid, .version = facts->resource_version};
  };
  return options;
}

/// Without the status, which the disruption controller counts anew with each pod that changes, and nobody here reads.
kube::Informer::Options our_pdbs(const std::string& ns) {
  kube::Informer::Options options = ours(ns);
  options.transform = [](kube::Json& pdb) { pdb.erase("status"); };
  return options;
}

kube::Informer::Options our_revisions(const std::string& ns) {
  kube::Informer::Options options = ours(ns);
  options.index = key_of_owner;
  return options;
}

struct KeptNode {
  NodeView view;
  std::string uid;
  std::string version;
};

kube::Informer::Options all_nodes() {
  const auto keep = [](const kube::Json& node) {
    auto kept = std::make_shared<const KeptNode>(
        KeptNode{view_node(node), std::string(kube::uid_of(node)), std::string(kube::resource_version_of(node))});
    return kube::Digest{.value = kept, .uid = kept->uid, .version = kept->version};
  };
  return {.digest = keep};
}

PodPtr as_pod(kube::Informer::DigestPtr digest) {
  return std::static_pointer_cast<const PodFacts>(std::move(digest));
}

const NodeView* as_node(const kube::Informer::DigestPtr& digest) {
  return digest ? &static_cast<const KeptNode*>(digest.get())->view : nullptr;
}

std::vector<PodPtr> as_pods(std::vector<kube::Informer::DigestPtr> digests) {
  std::vector<PodPtr> pods;
  pods.reserve(digests.size());
  for (auto& digest : digests) pods.push_back(as_pod(std::move(digest)));
  return pods;
}

std::array<kube::Informer*, 7> all_of(Caches& caches) {
  return {&caches.gateways,    &caches.pods,      &caches.services, &caches.pdbs,
          &caches.config_maps, &caches.revisions, &caches.nodes};
}

}  // namespace

Caches::Caches(kube::Client& client, const Clock& clock, Random& random, MetricsRegistry& metrics,
               const std::string& ns)
    : gateways(client, clock, random, kube::kRealtimeGateways, {.ns = ns}, &metrics),
      pods(client, clock, random, kSlimPods, our_pods(ns), &metrics),
      services(client, clock, random, kube::kServices, ours(ns), &metrics),
      pdbs(client, clock, random, kube::kPodDisruptionBudgets, our_pdbs(ns), &metrics),
      config_maps(client, clock, random, kube::kConfigMaps, ours(ns), &metrics),
      revisions(client, clock, random, kube::kControllerRevisions, our_revisions(ns), &metrics),
      nodes(client, clock, random, kSlimNodes, all_nodes(), &metrics),
      client_(client),
      clock_(clock),
      random_(random),
      metrics_(metrics) {}

std::unique_ptr<kube::Informer> Caches::informer(const kube::Resource& resource, kube::Informer::Options options) {
  return std::make_unique<kube::Informer>(client_, clock_, random_, resource, std::move(options), &metrics_);
}

std::vector<PodPtr> Caches::pods_of(std::string_view key) const {
  return as_pods(pods.digests_indexed(key));
}

std::vector<PodPtr> Caches::all_pods() const {
  return as_pods(pods.digests());
}

PodPtr Caches::pod(std::string_view key) const {
  return as_pod(pods.digest(key));
}

NodePtr Caches::node(std::string_view name) const {
  const kube::Informer::DigestPtr digest = nodes.digest(name);
  return {digest, as_node(digest)};
}

void Caches::on_pod(std::function<void(const PodPtr&, const PodPtr&, kube::Informer::Origin)> handler) {
  pods.add_digest_handler([handler = std::move(handler)](const auto& before, const auto& after, auto origin) {
    handler(as_pod(before), as_pod(after), origin);
  });
}

void Caches::on_node(std::function<void(const NodeView*, const NodeView*)> handler) {
  nodes.add_digest_handler([handler = std::move(handler)](const auto& before, const auto& after, auto) {
    handler(as_node(before), as_node(after));
  });
}

void Caches::start() {
  for (kube::Informer* informer : all_of(*this)) informer->start();
}

void Caches::stop() {
  for (kube::Informer* informer : all_of(*this)) informer->stop();
}

bool Caches::synced() const {
  return gateways.synced() && pods.synced() && services.synced() && pdbs.synced() && config_maps.synced() &&
         revisions.synced() && nodes.synced();
}

bool Caches::wait_synced(Duration at_most) {
  for (kube::Informer* informer : all_of(*this)) {
    if (!informer->wait_synced(at_most)) return false;
  }
  return true;
}

}  // namespace sluice::op
