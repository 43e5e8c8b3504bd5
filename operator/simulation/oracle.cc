#include "operator/simulation/oracle.h"

#include <algorithm>

#include "operator/budget.h"
#include "operator/drain_record.h"
#include "operator/names.h"

namespace sluice::op::simulation {
namespace {

/// The operator's view may lie so far back: caches lag, answers are lost, processes begin anew.
constexpr Duration kViewAge{60'000};

bool live(const Pod& pod) {
  return !is_terminating(pod) && !is_draining(pod);
}

int receivers(const World& world) {
  return static_cast<int>(std::count_if(world.pods().begin(), world.pods().end(), [](const auto& entry) {
    return live(entry.second) && is_ready(entry.second);
  }));
}

}  // namespace

void Oracle::violated(const std::string& what) {
  if (violation_.empty()) violation_ = what + "\n" + world_.describe();
}

int Oracle::lost_lately() const {
  int pods = 0;
  for (const Disturbance& one : disturbances_) pods += one.pods;
  return pods;
}

void Oracle::look() {
  const SteadyTime now = world_.clock.steady();
  const GatewaySpec spec = world_.spec();
  const bool deleting = kube::is_deleting(world_.gateway());
  past_.push_back({.at = now,
                   .replicas = spec.replicas,
                   .needed = std::max(0, spec.replicas - spec.rollout.unavailable.of(spec.replicas, Round::kDown)),
                   .drains_max = spec.scale_down.concurrent_drains_max,
                   .surge = std::max(1, spec.rollout.surge.of(spec.replicas, Round::kUp)),
                   .budget = budget_of(spec, deleting ? 0 : receivers(world_))});
  while (past_.front().at < now - kViewAge) past_.pop_front();
  while (!disturbances_.empty() && disturbances_.front().at < now - kViewAge) disturbances_.pop_front();

  // Rates in effect, wherever an order may have come from, add up to no more than the budget.
  double in_effect = 0;
  for (const auto& [name, pod] : world_.pods()) {
    // One that has nobody left, and takes nobody in, releases nobody.
    if (!runs(pod) || is_terminating(pod) || pod.process.connections == 0) continue;
    if (pod.process.drain) in_effect += pod.process.drain->rate;
    if (pod.process.shed && pod.process.shed->remaining > 0) in_effect += pod.process.shed->rate;
  }
  const double budget = std::max_element(past_.begin(), past_.end(), [](const Past& a, const Past& b) {
                          return a.budget < b.budget;
                        })->budget;
  if (in_effect > budget * 1.01 + 0.1) {
    violated("rates of " + std::to_string(in_effect) + "/s are in effect, the budget is " + std::to_string(budget));
  }
}

void Oracle::starting_drain(const std::string& name, const std::string& version, DrainReason reason) {
  if (reason == DrainReason::kDelete) return;
  const auto found = world_.pods().find(name);
  if (found == world_.pods().end() || is_draining(found->second)) return;
  if (kube::resource_version_of(found->second.object) != version) return;  // The precondition refuses it.
  int draining = 0;
  int serving = 0;
  for (const auto& [other, pod] : world_.pods()) {
    if (is_draining(pod) && !is_terminating(pod)) ++draining;
    if (other != name && live(pod) && is_ready(pod)) ++serving;
  }
  int drains_max = 0;
  int needed = 1 << 20;
  for (const Past& past : past_) {
    drains_max = std::max(drains_max, past.drains_max);
    needed = std::min(needed, past.needed);
  }
  if (draining >= drains_max) {
    violated(std::to_string(draining) + " pods drain already, " + std::to_string(drains_max) + " may");
  }
  if (is_ready(found->second) && serving + lost_lately() < needed) {
    violated("a drain of " + name + " leaves " + std::to_string(serving) + " serving pods, " + std::to_string(needed) +
             " are needed");
  }
}

void Oracle::deleting(const std::string& name, const std::string& uid, const std::string& version) {
  if (uid.empty() || version.empty()) return violated("a delete of " + name + " names no UID or no version");
  const auto found = world_.pods().find(name);
  if (found == world_.pods().end()) return;
  const Pod& pod = found->second;
  // The preconditions refuse what has changed.
  if (kube::uid_of(pod.object) != uid || kube::resource_version_of(pod.object) != version) return;
  if (is_terminating(pod) || pod.process.connections == 0) return;
  const auto record = decode_drain_record(kube::annotation_of(pod.object, kDrainAnnotation));
  if (!record) return violated(name + " is deleted with connections and without a drain");
  if (world_.clock.wall() < record->deadline) {
    violated(name + " is deleted with " + std::to_string(pod.process.connections) + " connections before its deadline");
  }
}

/// Never more than healing.maxKickedPercent of the fleet, one at least where there are two.
void Oracle::kicking(const SetHealth& change) {
  if (!change.record || change.record->phase != HealthPhase::kOffline) return;
  const auto found = world_.pods().find(change.pod.name);
  if (found == world_.pods().end() || kube::label_of(found->second.object, kStateLabel) == "offline") return;
  if (kube::resource_version_of(found->second.object) != change.pod.resource_version) return;
  int out = 0;
  int all = 0;
  for (const auto& [name, pod] : world_.pods()) {
    if (!live(pod)) continue;
    ++all;
    out += kube::label_of(pod.object, kStateLabel) == "offline" ? 1 : 0;
  }
  const int most = std::max(1, all * world_.spec().healing.kicked_percent_max / 100);
  if (out + 1 > most + lost_lately()) {
    violated("a kick of " + change.pod.name + " leaves " + std::to_string(out + 1) + " of " + std::to_string(all) +
             " pods out, " + std::to_string(most) + " may be");
  }
}

void Oracle::creating() {
  int live_pods = 0;
  for (const auto& [name, pod] : world_.pods()) live_pods += live(pod) ? 1 : 0;
  int most = 0;
  for (const Past& past : past_) most = std::max(most, past.replicas + past.surge);
  // A pod that drains in the cache may have been taken back by a call whose answer was lost.
  if (live_pods + 1 > most + lost_lately() + 1) {
    violated(std::to_string(live_pods + 1) + " pods would serve, " + std::to_string(most) + " are the most");
  }
}

std::string Oracle::unfinished() const {
  if (kube::is_deleting(world_.gateway())) {
    return world_.pods().empty() && kube::at_pointer(world_.gateway(), "/metadata/finalizers").empty()
               ? ""
               : "the gateway is deleted and still has pods, or a finalizer";
  }
  const GatewaySpec spec = world_.spec();
  const std::string revision = revision_of(spec.pod_template, kImage);
  int ready = 0;
  for (const auto& [name, pod] : world_.pods()) {
    if (is_terminating(pod)) return name + " terminates";
    if (is_draining(pod)) {
      if (spec.drain_freeze) continue;
      return name + " drains";
    }
    if (kube::label_of(pod.object, kStateLabel) != "active") return name + " is not active";
    if (kube::label_of(pod.object, kTrafficLabel) != "on") return name + " has no traffic";
    if (pod.process.drain) return name + "'s gateway drains";
    if (!spec.paused && !spec.drain_freeze && kube::label_of(pod.object, kRevisionLabel) != revision) {
      return name + " is of an old revision";
    }
    ready += is_ready(pod) ? 1 : 0;
  }
  const auto count = static_cast<int>(world_.pods().size());
  if (ready < spec.replicas) return std::to_string(ready) + " of " + std::to_string(spec.replicas) + " pods are ready";
  if (count != spec.replicas && !spec.drain_freeze) {
    return std::to_string(count) + " pods are there, " + std::to_string(spec.replicas) + " are wanted";
  }
  return "";
}

}  // namespace sluice::op::simulation
