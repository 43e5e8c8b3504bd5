#include "operator/simulation/oracle.h"

#include <algorithm>

#include "operator/budget.h"
#include "operator/drain_record.h"
#include "operator/eviction.h"
#include "operator/names.h"
#include "operator/node_view.h"

namespace sluice::op::simulation {

bool is_offline(const Pod& pod) {
  return kube::label_of(pod.object, kStateLabel) == "offline";
}

bool receives(const Pod& pod) {
  return is_live(pod) && is_ready(pod) && !is_offline(pod) && kube::label_of(pod.object, kTrafficLabel) == "on";
}

namespace {

/// Counts as available: a canary or a rebalance may keep it out of the endpoints for a while.
bool serves(const Pod& pod) {
  return is_live(pod) && is_ready(pod) && !is_offline(pod);
}

int needed_by(const GatewaySpec& spec) {
  return std::max(0, spec.replicas - spec.rollout.unavailable.of(spec.replicas, Round::kDown));
}

int surge_of(const GatewaySpec& spec) {
  return std::max(1, spec.rollout.surge.of(spec.replicas, Round::kUp));
}

}  // namespace

Oracle::Oracle(World& world) : world_(world) {
  world_.on_eviction([this](const Pod& pod) { evicting(pod); });
  look();
}

void Oracle::violated(const std::string& what) {
  if (violation_.empty()) violation_ = what + "\n" + world_.describe();
}

bool Oracle::Past::same_as(const Past& other) const {
  return spec == other.spec && receivers == other.receivers && promoted == other.promoted &&
         current_revision == other.current_revision && live_revisions == other.live_revisions &&
         leaving == other.leaving && going_nodes == other.going_nodes && draining == other.draining;
}

bool Oracle::is_leaving(const Pod& pod) const {
  const std::string uid(kube::uid_of(pod.object));
  const Node* node = world_.node_of(pod);
  if (node != nullptr && view_node(node->object).going) return true;
  if (world_.spec()->scale_down.pods_to_drain.contains(std::string(kube::name_of(pod.object)))) return true;
  return is_offline(pod) || world_.evictions().contains("evict-" + uid);
}

bool Oracle::was_leaving(const Pod& pod) const {
  const std::string uid(kube::uid_of(pod.object));
  // The watch of nodes may be behind that of pods.
  const std::string node = kube::text_at(pod.object, "/spec/nodeName");
  return is_leaving(pod) ||
         !always([&](const Past& past) { return !past.leaving.contains(uid) && !past.going_nodes.contains(node); });
}

Oracle::Past Oracle::present() const {
  Past past{.from = world_.clock.steady(),
            .to = world_.clock.steady(),
            .spec = world_.spec(),
            .receivers = 0,
            .promoted = std::string(kube::annotation_of(world_.gateway(), kPromoteAnnotation)),
            .current_revision = kube::text_at(world_.gateway(), "/status/currentRevision"),
            .live_revisions = {},
            .leaving = {},
            .going_nodes = {},
            .draining = {}};
  for (const auto& [name, node] : world_.nodes()) {
    if (view_node(node.object).going) past.going_nodes.insert(name);
  }
  const bool deleting = kube::is_deleting(world_.gateway());
  for (const auto& [name, pod] : world_.pods()) {
    past.receivers += !deleting && receives(pod) ? 1 : 0;
    if (is_draining(pod)) past.draining.emplace(kube::uid_of(pod.object));
    if (!is_live(pod)) continue;
    past.live_revisions.emplace(kube::label_of(pod.object, kRevisionLabel));
    if (is_leaving(pod)) past.leaving.emplace(kube::uid_of(pod.object));
  }
  return past;
}

bool Oracle::always(const std::function<bool(const Past&)>& holds) const {
  return std::all_of(past_.begin(), past_.end(), holds);
}

int Oracle::lost_lately() {
  const SteadyTime now = world_.clock.steady();
  if (const int pods = world_.take_losses(); pods > 0) losses_.push_back({now, pods});
  while (!losses_.empty() && losses_.front().at < now - kViewAge) losses_.pop_front();
  int pods = 0;
  for (const Losses& one : losses_) pods += one.pods;
  return pods;
}

const Pod* Oracle::hit(const std::string& name, const std::string& version) const {
  const auto found = world_.pods().find(name);
  if (found == world_.pods().end()) return nullptr;
  return kube::resource_version_of(found->second.object) == version ? &found->second : nullptr;
}

double Oracle::rates_in_effect() const {
  double rates = 0;
  for (const auto& [name, pod] : world_.pods()) {
    // One that has nobody left, and takes nobody in, releases nobody.
    if (!runs(pod) || is_terminating(pod) || pod.process.connections == 0) continue;
    if (pod.process.drain) rates += pod.process.drain->rate;
    if (pod.process.shed && pod.process.shed->remaining > 0) rates += pod.process.shed->rate;
  }
  return rates;
}

/// The watch of gateways may be ahead of that of pods: any spec may meet any number of receivers.
double Oracle::budget_most() const {
  int receivers = 0;
  for (const Past& past : past_) receivers = std::max(receivers, past.receivers);
  double most = 0;
  for (const Past& past : past_) most = std::max(most, budget_of(*past.spec, receivers));
  return most;
}

void Oracle::look() {
  const SteadyTime now = world_.clock.steady();
  if (!past_.empty()) past_.back().to = now;
  // All of it stands in objects: without a new version nothing of it has changed.
  if (past_.empty() || looked_at_ != world_.version()) {
    looked_at_ = world_.version();
    Past past = present();
    if (past_.empty() || !past_.back().same_as(past)) past_.push_back(std::move(past));
  }
  while (past_.front().to < now - kViewAge) past_.pop_front();
  (void)lost_lately();

  // Rates in effect, wherever an order may have come from, add up to no more than the budget.
  const double rates = rates_in_effect();
  const double budget = budget_most();
  if (rates > budget * 1.01 + 0.1) {
    violated("rates of " + std::to_string(rates) + "/s are in effect, the budget is " + std::to_string(budget));
  }
}

void Oracle::starting_drain(const std::string& name, const std::string& version, DrainReason reason) {
  const Pod* pod = hit(name, version);
  if (pod == nullptr || is_draining(*pod)) return;  // The precondition refuses it, or it drains already.
  if (always([](const Past& past) { return past.spec->drain_freeze; })) {
    return violated(std::string("a drain of ") + name + " begins (" + to_string(reason) +
                    ") though drains have been frozen for long");
  }
  if (reason == DrainReason::kDelete) return;
  int draining = 0;
  int serving = 0;
  for (const auto& [other, one] : world_.pods()) {
    if (is_draining(one) && !is_terminating(one)) {
      // One that nobody reaches waits for its deadline: it keeps no other from its drain.
      const auto record = decode_drain_record(kube::annotation_of(one.object, kDrainAnnotation));
      draining += record && record->reason == DrainReason::kOffline ? 0 : 1;
    }
    if (other != name && serves(one)) ++serving;
  }
  int drains_max = 0;
  int needed = 1 << 20;
  for (const Past& past : past_) {
    drains_max = std::max(drains_max, past.spec->scale_down.concurrent_drains_max);
    needed = std::min(needed, needed_by(*past.spec));
  }
  if (draining >= drains_max && reason != DrainReason::kOffline) {
    violated(std::to_string(draining) + " pods drain already, " + std::to_string(drains_max) + " may");
  }
  if (serves(*pod) && serving + lost_lately() < needed) {
    violated("a drain of " + name + " leaves " + std::to_string(serving) + " serving pods, " + std::to_string(needed) +
             " are needed");
  }
}

void Oracle::deleting(const std::string& name, const std::string& uid, const std::string& version) {
  if (uid.empty() || version.empty()) return violated("a delete of " + name + " names no UID or no version");
  const Pod* pod = hit(name, version);
  if (pod == nullptr || kube::uid_of(pod->object) != uid) return;  // The preconditions refuse what has changed.
  if (is_terminating(*pod) || pod->process.connections == 0) return;
  const auto record = decode_drain_record(kube::annotation_of(pod->object, kDrainAnnotation));
  const std::string what = name + " is deleted with " + std::to_string(pod->process.connections) + " connections ";
  if (!record) return violated(what + "and without a drain");
  if (record->frozen_at) return violated(what + "while its drain is frozen");
  if (world_.clock.wall() < record->deadline) violated(what + "before its deadline");
}

void Oracle::creating(const std::string& revision) {
  int live_pods = 0;
  for (const auto& [name, pod] : world_.pods()) {
    // Somebody may just have ended its drain by hand.
    const std::string uid(kube::uid_of(pod.object));
    const bool seen_live = always([&](const Past& past) { return !past.draining.contains(uid); });
    live_pods += is_live(pod) && seen_live ? 1 : 0;
  }
  int most = 0;
  for (const Past& past : past_) most = std::max(most, past.spec->replicas + surge_of(*past.spec));
  if (live_pods + 1 > most + lost_lately()) {
    violated(std::to_string(live_pods + 1) + " pods would serve, " + std::to_string(most) + " are the most");
  }
  check_share(revision);
}

}  // namespace sluice::op::simulation
