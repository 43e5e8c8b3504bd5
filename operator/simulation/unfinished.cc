#include "operator/simulation/unfinished.h"

#include <algorithm>

#include "common/base/duration_text.h"
#include "operator/eviction.h"
#include "operator/names.h"
#include "operator/node_view.h"

namespace sluice::op::simulation {
namespace {

/// What it is still to be replaced for; empty where it may stay.
std::string goes_for(const World& world, const Pod& pod) {
  const std::string name(kube::name_of(pod.object));
  const std::string uid(kube::uid_of(pod.object));
  if (world.spec()->scale_down.pods_to_drain.contains(name)) return "podsToDrain";
  const auto eviction = world.evictions().find("evict-" + uid);
  if (eviction != world.evictions().end() && !view_eviction(eviction->second.object).withdrawn) return eviction->first;
  const Node* node = world.node_of(pod);
  if (node == nullptr) return "the want of a node";
  const NodeView view = view_node(node->object);
  const auto created = parse_rfc3339(kube::text_at(pod.object, "/metadata/creationTimestamp"));
  // One that was made for a node that went already is left alone.
  if (view.going && (!view.going_since || (created && *created <= *view.going_since))) return view.name;
  return "";
}

/// A pod that is too full waits out of the endpoints for others to fill up: without arrivals that takes for ever.
bool waits_for_arrivals(const World& world, const Pod& pod) {
  const kube::Json& pods = kube::at_pointer(world.gateway(), "/status/rebalance/pods");
  return world.spec()->rebalance.type == RebalanceType::kArrivals &&
         std::find(pods.begin(), pods.end(), kube::name_of(pod.object)) != pods.end();
}

std::string unfinished_pod(const World& world, const Pod& pod) {
  const GatewaySpec& spec = *world.spec();
  if (is_terminating(pod)) return "terminates";
  if (is_draining(pod)) {
    if (!spec.drain_freeze) return "drains";
    return pod.process.drain ? "is frozen, and its gateway drains" : "";
  }
  if (kube::label_of(pod.object, kStateLabel) != "active") return "is not active";
  if (kube::label_of(pod.object, kTrafficLabel) != "on" && !waits_for_arrivals(world, pod)) return "has no traffic";
  if (pod.process.drain) return "is to serve, and its gateway drains";
  if (spec.drain_freeze) return "";
  const std::string cause = goes_for(world, pod);
  return cause.empty() ? "" : "is to go for " + cause;
}

/// Pods of former revisions that may stay.
int former_kept(const World& world, const std::string& revision) {
  const GatewaySpec& spec = *world.spec();
  const kube::Json& rollout = kube::at_pointer(world.gateway(), "/status/rollout");
  const bool halted = kube::text_at(rollout, "/revision") == revision && kube::text_at(rollout, "/phase") == "Halted";
  if (spec.paused || spec.drain_freeze || (halted && world.is_bad(revision))) return 1 << 20;
  const bool back = kube::text_at(world.gateway(), "/status/currentRevision") == revision;
  return back ? 0 : spec.rollout.partition.of(spec.replicas, Round::kUp);
}

}  // namespace

std::string unfinished(const World& world) {
  const GatewaySpec& spec = *world.spec();
  if (kube::is_deleting(world.gateway())) {
    if (spec.drain_freeze) return "";
    return world.pods().empty() && world.is_gone() ? "" : "the gateway is deleted and still has pods, or a finalizer";
  }
  const std::string revision = revision_of(spec.pod_template, kImage);
  int ready = 0;
  int former = 0;
  for (const auto& [name, pod] : world.pods()) {
    if (const std::string why = unfinished_pod(world, pod); !why.empty()) return name + " " + why;
    if (is_draining(pod)) continue;
    former += kube::label_of(pod.object, kRevisionLabel) == revision ? 0 : 1;
    ready += is_ready(pod) ? 1 : 0;
  }
  if (former > former_kept(world, revision)) return std::to_string(former) + " pods are of former revisions";
  const auto count = static_cast<int>(world.pods().size());
  if (ready < spec.replicas) return std::to_string(ready) + " of " + std::to_string(spec.replicas) + " pods are ready";
  if (count != spec.replicas && !spec.drain_freeze) {
    return std::to_string(count) + " pods are there, " + std::to_string(spec.replicas) + " are wanted";
  }
  return "";
}

bool is_stepping(const World& world) {
  const std::string phase = kube::text_at(world.gateway(), "/status/rollout/phase");
  return !world.spec()->paused && (phase == "Making" || phase == "Holding");
}

}  // namespace sluice::op::simulation
