// The part of the oracle that watches evictions: whom they take, and what their requesters are told.
#include "operator/eviction.h"
#include "operator/names.h"
#include "operator/simulation/oracle.h"

namespace sluice::op::simulation {

/// A budget of nobody lets nobody go before it has drained, and no drain that runs is cut short. Pods that are out of
/// the fleet are under no budget.
void Oracle::evicting(const Pod& pod) {
  if (!runs(pod) || pod.process.connections == 0 || is_offline(pod)) return;
  const std::string what = std::string(kube::name_of(pod.object)) + " is evicted with " +
                           std::to_string(pod.process.connections) + " connections ";
  if (is_draining(pod)) return violated(what + "in the middle of its drain");
  const auto none_may = [](const GatewaySpec& spec) {
    return spec.replicas > 0 && spec.disruption_unavailable.of(spec.replicas, Round::kUp) == 0;
  };
  if (none_may(*world_.spec()) && always([&](const Past& past) { return none_may(*past.spec); }))
    violated(what + "and has not drained, though disruption.maxUnavailable is 0");
}

/// Who is told that it is over may count on it.
void Oracle::reporting(const std::string& name, const kube::Json& responder) {
  if (!responder.contains("completionTime")) return;
  const auto found = world_.evictions().find(name);
  if (found == world_.evictions().end()) return;
  const EvictionView view = view_eviction(found->second.object);
  const Pod* pod = world_.find_by_uid(view.pod_uid);
  if (pod == nullptr || is_terminating(*pod) || view.withdrawn) return;
  violated(name + " is told that it is over, and its pod " + view.pod_name + " is still there");
}

}  // namespace sluice::op::simulation
