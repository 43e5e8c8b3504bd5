#include "operator/node_limits.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "operator/plan.h"
#include "operator/status.h"

namespace sluice::op {
namespace {

/// What a gateway opens for itself: listeners, event loops, connections to backends.
constexpr std::int64_t kOwnDescriptors = 512;
/// A backlog that is right for any fleet: the kernel's own default since Linux 5.4 is above it.
constexpr std::int64_t kBacklogEnough = 1024;

std::string mebibytes(double bytes) {
  return std::to_string(std::llround(std::ceil(bytes / (1 << 20)))) + "Mi";
}

/// The worst pod of one kind of shortage.
struct Worst {
  const PodView* pod = nullptr;
  double has = 0;
  double needs = 0;
  int pods = 0;  ///< That have too little.

  void look_at(const PodView& candidate, double candidate_has, double candidate_needs) {
    if (candidate_has <= 0 || candidate_has >= candidate_needs) return;
    ++pods;
    if (pod != nullptr && candidate_has / candidate_needs >= has / needs) return;
    pod = &candidate;
    has = candidate_has;
    needs = candidate_needs;
  }
  [[nodiscard]] std::string more() const {
    return pods > 1 ? " (and " + std::to_string(pods - 1) + " more pods)" : std::string();
  }
};

}  // namespace

std::optional<NodeShortage> node_shortage(const GatewaySpec& spec, const Observed& seen) {
  const std::int64_t capacity = spec.capacity.connections_per_pod;
  const std::string carried = std::to_string(capacity) + " connections (capacity.connectionsPerPod)";
  std::unordered_map<std::string_view, std::int64_t> pods_on;
  for (const PodView& pod : seen.pods) {
    if (is_live(pod)) ++pods_on[pod.node];
  }
  const std::int64_t backlog_wanted =
      std::min(capacity, std::max(kBacklogEnough, static_cast<std::int64_t>(std::ceil(spec.budget.per_receiver))));
  Worst descriptors;
  Worst memory;
  Worst conntrack;
  Worst backlog;
  for (const PodView& pod : seen.pods) {
    if (!is_live(pod) || !pod.state) continue;
    const GatewayLimits& has = pod.state->limits;
    const auto each = static_cast<double>(capacity);
    descriptors.look_at(pod, static_cast<double>(has.descriptors), each + kOwnDescriptors);
    if (has.bytes_per_connection > 0) {
      memory.look_at(pod, static_cast<double>(has.memory_bytes), each * has.bytes_per_connection);
    }
    const std::int64_t sharing = pod.node.empty() ? 1 : pods_on[pod.node];
    conntrack.look_at(pod, static_cast<double>(has.conntrack), each * static_cast<double>(sharing));
    backlog.look_at(pod, static_cast<double>(has.backlog), static_cast<double>(backlog_wanted));
  }
  if (descriptors.pod != nullptr) {
    return NodeShortage{"Descriptors", descriptors.pod->name + " may open " +
                                           std::to_string(std::llround(descriptors.has)) + " descriptors and needs " +
                                           std::to_string(std::llround(descriptors.needs)) + " for " + carried +
                                           descriptors.more() +
                                           ": raise LimitNOFILE of the container runtime, or lower connectionsPerPod"};
  }
  if (memory.pod != nullptr) {
    const double each = memory.pod->state->limits.bytes_per_connection;
    return NodeShortage{"Memory",
                        memory.pod->name + " may use " + mebibytes(memory.has) + " of memory and needs " +
                            mebibytes(memory.needs) + " for " + carried + " of " +
                            std::to_string(std::llround(std::ceil(each / 1024))) + "Ki each, kernel memory included" +
                            memory.more() +
                            ": raise resources.limits.memory of the container gateway, or lower connectionsPerPod"};
  }
  if (conntrack.pod != nullptr) {
    return NodeShortage{"Conntrack", "the node of " + conntrack.pod->name + " tracks " +
                                         std::to_string(std::llround(conntrack.has)) +
                                         " connections and its pods of this gateway need " +
                                         std::to_string(std::llround(conntrack.needs)) + " for " + carried + " each" +
                                         conntrack.more() + ": raise net.netfilter.nf_conntrack_max on the node"};
  }
  if (backlog.pod != nullptr) {
    return NodeShortage{"Backlog", backlog.pod->name + " queues " + std::to_string(std::llround(backlog.has)) +
                                       " connections at most while it accepts others, and should " +
                                       std::to_string(std::llround(backlog.needs)) + backlog.more() +
                                       ": raise net.core.somaxconn in its network namespace (securityContext.sysctls)"};
  }
  return std::nullopt;
}

}  // namespace sluice::op
