#include "operator/simulation/sim_operator.h"

#include <algorithm>

#include "operator/budget.h"
#include "operator/eviction.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/node_view.h"
#include "operator/releases.h"
#include "operator/status.h"

namespace sluice::op::simulation {

using kube::Json;

/// A new leader reads the API server once, from etcd, as Controller::read_newest does: its caches may lag behind all
/// the same.
SimOperator::SimOperator(World& world, Oracle& oracle, const Faults& faults, const Cache& caches)
    : cache(caches),
      world_(world),
      oracle_(oracle),
      faults_(faults),
      pod_writes_(world.clock),
      gateway_writes_(world.clock),
      memory_(world.clock) {
  const std::string version = std::to_string(world_.version());
  std::set<std::string, std::less<>> uids;
  for (const auto& [name, pod] : world_.pods()) {
    uids.emplace(kube::uid_of(pod.object));
    pod_writes_.wrote(kKey, facts_of(pod.object));
  }
  pod_writes_.listed(version, std::move(uids));
  gateway_writes_.wrote(kKey, world_.gateway());
  gateway_writes_.listed(version, {std::string(kube::uid_of(world_.gateway()))});
}

SimOperator::Fate SimOperator::draw() {
  const double dice = world_.random.unit();
  if (dice < faults_.refused) return Fate::kRefused;
  return dice < faults_.refused + faults_.answer_lost ? Fate::kLost : Fate::kDone;
}

void SimOperator::maybe_crash() {
  if (faults_.crash > 0 && world_.random.unit() < faults_.crash) throw Crashed{};
}

std::vector<PodPtr> SimOperator::newest_pods() {
  return pod_writes_.newest(kKey, cache.pods(), cache.version(Kind::kPod));
}

kube::Object SimOperator::newest_gateway() {
  return gateway_writes_.newest(kKey, {cache.gateway()}, cache.version(Kind::kGateway)).front();
}

/// As EvictionWatch::asked.
std::set<std::string> SimOperator::asked_to_evict() const {
  std::set<std::string> uids;
  for (const kube::Object& eviction : cache.evictions()) {
    const EvictionView view = view_eviction(*eviction);
    if (view.asked) uids.insert(view.pod_uid);
  }
  return uids;
}

/// As Controller::look.
Observed SimOperator::look(const Json& gateway, const std::vector<PodPtr>& pods) {
  const GatewaySpec spec = parse_spec(gateway);
  const std::string newest = revision_of(spec.pod_template, kImage);
  std::map<std::string, int> pods_of;
  for (const PodPtr& pod : pods) ++pods_of[pod->revision];
  const auto former =
      former_revision(world_.revisions(), newest, kube::text_at(gateway, "/status/currentRevision"), pods_of);
  const Memory::Notes notes = memory_.of(kKey);
  PollTally polls;
  for (const auto& [uid, answered] : last_answered_) {
    ++polls.heard;
    if (!answered) ++polls.failing;
  }
  std::set<std::string> taken = notes.taken_names;
  std::set<std::string> uids;
  for (const PodPtr& pod : pods) {
    taken.insert(pod->name);
    uids.insert(pod->uid);
  }
  states_.set_pods(kKey, {uids.begin(), uids.end()});
  std::erase_if(probes_, [&](const auto& entry) { return !uids.contains(entry.first); });
  Observed seen = observe({.gateway = gateway,
                           .spec = spec,
                           .pods = pods,
                           .heard = [this](const std::string& uid) { return states_.get(uid); },
                           .taken_names = taken,
                           .revision = newest,
                           .former_revision = former ? former->hash : std::string(),
                           .template_error = {},
                           .progress = notes.progress,
                           .progress_age = notes.progress_age,
                           .node = [this](const std::string& name) -> NodePtr {
                             const kube::Object node = cache.node(name);
                             if (!node) return nullptr;
                             return std::make_shared<const NodeView>(view_node(*node));
                           },
                           .asked_to_evict = asked_to_evict(),
                           .evictions_known = world_.has_evictions(),
                           .choosing_for = notes.choosing_for,
                           .orphaned = false,
                           .unsure = !notes.unsure.empty(),
                           .creates_held = notes.creates_held,
                           .reversed_ago = notes.reversed_ago,
                           .polls = polls,
                           .probed =
                               [this](const std::string& uid) {
                                 const auto found = probes_.find(uid);
                                 return found == probes_.end() ? ProbeCount{} : found->second;
                               },
                           .rebalancing_for = notes.rebalancing_for,
                           .rebalanced_ago = notes.rebalanced_ago},
                          {.wall = world_.clock.wall(), .steady = world_.clock.steady()});
  seen.samples = sum_samples(seen.pods, seen.canary, seen.former_revision, notes.baseline);
  const double aim = throttle_aim(spec.budget.handshake_p99_max, receivers_handshake_p99(seen));
  seen.throttle = memory_.step_throttle(kKey, aim, !releases_of(spec, seen, world_.clock.wall()).empty());
  return seen;
}

void SimOperator::keep_revision(const Json& gateway) {
  Revision newest;
  newest.pod_template = parse_spec(gateway).pod_template;
  newest.default_image = kImage;
  newest.hash = revision_of(newest.pod_template, kImage);
  auto& revisions = world_.revisions();
  const RevisionPlan plan = plan_revisions(revisions, newest, {}, 100);
  if (!plan.write) return;
  std::erase_if(revisions, [&](const Revision& revision) { return revision.hash == newest.hash; });
  revisions.push_back(*plan.write);
}

/// As Controller::reconcile_gateway.
void SimOperator::reconcile() {
  wake_at_.reset();
  if (world_.is_gone()) return;
  for (const std::string& pod : memory_.of(kKey).unsure) settle(pod);
  const kube::Object gateway = newest_gateway();
  keep_revision(*gateway);
  const GatewaySpec spec = parse_spec(*gateway);
  std::vector<PodPtr> pods = newest_pods();
  const Observed seen = look(*gateway, pods);
  const Plan plan = plan_gateway(spec, seen, world_.clock.wall());
  oracle_.stepping(seen.canary, plan.canary);
  apply(*gateway, plan, pods);
  remember(seen, plan);
  if (plan.wake_after) wake_at_ = world_.clock.steady() + *plan.wake_after;
  if (world_.is_gone()) return;
  pods = newest_pods();
  const kube::Object newest = newest_gateway();
  const Observed after = look(*newest, pods);
  set_targets(spec, after, plan);
  report_evictions(spec, after);
  write_status(compute_status(*newest, spec, after, plan, Problem{}, world_.clock.wall()));
}

void SimOperator::write_status(const Json& status) {
  maybe_crash();
  const Fate fate = draw();
  if (fate == Fate::kRefused) return;
  world_.write_status(status);
  if (fate == Fate::kDone) gateway_writes_.wrote(kKey, world_.gateway());
}

/// Whose states are asked for, as Controller::poll_for says.
void SimOperator::set_targets(const GatewaySpec& spec, const Observed& seen, const Plan& plan) {
  targets_.clear();
  const bool judged = plan.canary.progress.phase == CanaryPhase::kHolding;
  const auto& wanted = plan.states_wanted;
  for (const PodView& pod : seen.pods) {
    const bool goes = may_still_release(pod, spec, world_.clock.wall());
    if (pod.finished || (pod.terminating && !goes) || pod.address.empty()) continue;
    if (pod.container != ContainerState::kRunning) continue;
    targets_[pod.uid] = goes || pod.draining() || plan.watched.contains(pod.uid) ||
                        (judged && pod.revision == seen.revision) ||
                        std::find(wanted.begin(), wanted.end(), pod.uid) != wanted.end();
  }
  std::erase_if(last_answered_, [&](const auto& entry) { return !targets_.contains(entry.first); });
}

void SimOperator::poll(const std::string& uid) {
  const SteadyTime asked_at = world_.clock.steady();
  const Pod* pod = world_.find_by_uid(uid);
  const auto state = world_.random.unit() >= faults_.call_failed ? world_.state_of(uid) : std::nullopt;
  last_answered_[uid] = state.has_value();
  if (state) {
    (void)states_.heard(uid, asked_at, *state);
  } else {
    // Where the process is gone and its node is not, the node refuses.
    const bool refused = pod != nullptr && !runs(*pod) && pod->process.reachable && world_.node_of(*pod) != nullptr &&
                         !world_.node_of(*pod)->cut_off;
    states_.failed(uid, asked_at, 0, refused ? ErrorCode::kNotFound : ErrorCode::kUnavailable);
  }
}

/// As Controller::remember and Controller::heal.
void SimOperator::remember(const Observed& seen, const Plan& plan) {
  memory_.note_choosing(kKey, !plan.states_wanted.empty());
  const CanaryProgress& canary = plan.canary.progress;
  if (canary.phase == CanaryPhase::kHolding) {
    memory_.note_baseline(kKey, take_baseline(seen.pods, canary, memory_.of(kKey).baseline));
  }
  memory_.note_progress(kKey, plan.progress);
  for (const SetHealth& change : plan.health) {
    if (change.record && change.record->phase == HealthPhase::kOffline) probes_.erase(change.pod.uid);
  }
  for (const ProbePod& pod : plan.probes) probe(pod);
  (void)memory_.note_rebalanced(kKey, plan.rebalanced);
}

/// TCP and HTTP reach a pod whose process is there and well.
void SimOperator::probe(const ProbePod& pod) {
  ProbeCount& count = probes_[pod.uid];
  count.last = world_.clock.steady();
  count.successes = world_.answers_probe(pod.uid) ? count.successes + 1 : 0;
}

/// As EvictionWatch::is_due.
bool SimOperator::is_report_due(const std::string& eviction_uid, bool last) {
  const SteadyTime now = world_.clock.steady();
  std::erase_if(reported_, [&](const auto& one) { return now - one.second.at > 2 * kEvictionHeartbeat; });
  const auto before = reported_.find(eviction_uid);
  if (before != reported_.end()) {
    const bool recent = now - before->second.at < kEvictionHeartbeat;
    if (before->second.last || (recent && !last)) return false;
  }
  reported_[eviction_uid] = {now, last};
  return true;
}

/// As EvictionWatch::report.
void SimOperator::report_evictions(const GatewaySpec& spec, const Observed& seen) {
  const std::vector<kube::Object> evictions = cache.evictions();
  if (evictions.empty()) return;
  const WallTime now = world_.clock.wall();
  const std::vector<Release> releases = releases_of(spec, seen, now);
  for (const kube::Object& eviction : evictions) {
    const EvictionView view = view_eviction(*eviction);
    const auto pod =
        std::find_if(seen.pods.begin(), seen.pods.end(), [&](const PodView& one) { return one.uid == view.pod_uid; });
    if (pod == seen.pods.end()) continue;
    const auto release = std::find_if(releases.begin(), releases.end(),
                                      [&](const Release& one) { return one.pod->uid == view.pod_uid; });
    const auto entry = eviction_report(view, &*pod, release == releases.end() ? nullptr : &*release, now);
    if (!entry || !is_report_due(view.uid, entry->contains("completionTime"))) continue;
    maybe_crash();
    const Fate fate = draw();
    if (fate != Fate::kRefused) {
      oracle_.reporting(view.name, *entry);
      (void)world_.report_eviction(view.name, *entry);
    }
    if (fate != Fate::kDone) reported_[view.uid].last = false;
  }
}

}  // namespace sluice::op::simulation
