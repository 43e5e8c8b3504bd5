#include "operator/simulation/sim_operator.h"

#include <algorithm>

#include "operator/health_record.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan_drains.h"
#include "operator/releases.h"
#include "operator/render.h"
#include "operator/status.h"

namespace sluice::op::simulation {

using kube::Json;

/// A new leader reads the API server once (Controller::read_newest): its cache may lag behind all the same.
SimOperator::SimOperator(World& world, Oracle& oracle, const Faults& faults)
    : cache(world),
      world_(world),
      oracle_(oracle),
      faults_(faults),
      pod_writes_(world.clock),
      gateway_writes_(world.clock),
      memory_(world.clock) {
  for (const auto& [name, pod] : world_.pods()) {
    pod_writes_.wrote(kKey, facts_of(pod.object));
  }
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
  return pod_writes_.newest(kKey, cache.pods(), cache.version());
}

kube::Object SimOperator::newest_gateway() {
  return gateway_writes_.newest(kKey, {cache.gateway()}, cache.version()).front();
}

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
  states_.set_pods(kKey, uids);
  std::erase_if(probes_, [&](const auto& entry) { return !uids.contains(entry.first); });
  std::erase_if(last_answered_, [&](const auto& entry) { return !uids.contains(entry.first); });
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
                           .node = {},
                           .asked_to_evict = {},
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

void SimOperator::reconcile() {
  wake_at_.reset();
  for (const std::string& pod : memory_.of(kKey).unsure) settle(pod);
  const kube::Object gateway = newest_gateway();
  keep_revision(*gateway);
  const GatewaySpec spec = parse_spec(*gateway);
  std::vector<PodPtr> pods = newest_pods();
  const Observed seen = look(*gateway, pods);
  const Plan plan = plan_gateway(spec, seen, world_.clock.wall());
  remember(seen, plan);
  wanted_ = plan.watched;
  wanted_.insert(plan.states_wanted.begin(), plan.states_wanted.end());
  apply(plan, pods);
  if (plan.wake_after) wake_at_ = world_.clock.steady() + *plan.wake_after;
  pods = newest_pods();
  const kube::Object newest = newest_gateway();
  const Json status = compute_status(*newest, spec, look(*newest, pods), plan, Problem{}, world_.clock.wall());
  maybe_crash();
  const Fate fate = draw();
  if (fate == Fate::kRefused) return;
  world_.write_status(status);
  if (fate == Fate::kDone) gateway_writes_.wrote(kKey, world_.gateway());
}

void SimOperator::poll(const std::string& uid) {
  const SteadyTime asked_at = world_.clock.steady();
  const auto found = std::find_if(world_.pods().begin(), world_.pods().end(),
                                  [&](const auto& entry) { return kube::uid_of(entry.second.object) == uid; });
  const bool reachable = found != world_.pods().end() && found->second.process.reachable;
  const auto state = reachable && world_.random.unit() >= faults_.call_failed ? world_.state_of(uid) : std::nullopt;
  last_answered_[uid] = state.has_value();
  if (state) {
    (void)states_.heard(uid, asked_at, *state);
  } else {
    states_.failed(uid, asked_at, 0, ErrorCode::kUnavailable);
  }
}

/// TCP and HTTP reach a pod whose process is there and ready.
void SimOperator::probe(const ProbePod& pod) {
  ProbeCount& count = probes_[pod.uid];
  count.last = world_.clock.steady();
  const auto found = std::find_if(world_.pods().begin(), world_.pods().end(),
                                  [&](const auto& entry) { return kube::uid_of(entry.second.object) == pod.uid; });
  const bool there = found != world_.pods().end() && runs(found->second) && found->second.process.reachable;
  count.successes = there && is_ready(found->second) ? count.successes + 1 : 0;
}

/// As Controller::remember and Controller::heal.
void SimOperator::remember(const Observed& seen, const Plan& plan) {
  memory_.note_choosing(kKey, !plan.states_wanted.empty());
  const CanaryProgress& canary = plan.canary.progress;
  if (canary.phase == CanaryPhase::kHolding) {
    memory_.note_baseline(kKey, take_baseline(seen.pods, canary, memory_.of(kKey).baseline));
  }
  memory_.note_progress(kKey, plan.progress);
  (void)memory_.note_rebalanced(kKey, plan.rebalanced);
  for (const SetHealth& change : plan.health) {
    if (change.record && change.record->phase == HealthPhase::kOffline) probes_.erase(change.pod.uid);
  }
}

void SimOperator::apply(const Plan& plan, const std::vector<PodPtr>& pods) {
  actions += static_cast<std::int64_t>(plan.remove.size() + plan.cancel.size() + plan.start.size() +
                                       plan.relabel.size() + plan.orders.size() + plan.create.size());
  if (plan.add_finalizer) write_finalizer(true);
  for (const DeletePod& removal : plan.remove) remove(removal, pods);
  for (const CancelDrain& cancel : plan.cancel) {
    if (cancel.tell_gateway && !call(cancel.pod, 0, [&] { return world_.end_drain(cancel.pod.uid); })) continue;
    if (patch(cancel.pod, {{kStateLabel, "active"}, {kTrafficLabel, "on"}},
              {{kDrainAnnotation, nullptr}, {kRateAnnotation, nullptr}})) {
      memory_.note_reversed(kKey);
    }
  }
  for (const StartDrain& start : plan.start) {
    oracle_.starting_drain(start.pod.name, start.pod.resource_version, start.record.reason);
    patch(start.pod, {{kStateLabel, "draining"}, {kTrafficLabel, "off"}},
          {{kDrainAnnotation, encode_drain_record(start.record)}});
  }
  for (const SetHealth& change : plan.health) {
    oracle_.kicking(change);
    const std::string state = state_of(change.record);
    patch(change.pod, {{kStateLabel, state}, {kTrafficLabel, state == "offline" ? "off" : "on"}},
          {{kHealthAnnotation, change.record ? Json(encode_health_record(*change.record)) : Json()}});
  }
  for (const Relabel& one : plan.relabel) {
    patch(one.pod, {{kStateLabel, one.state}, {kTrafficLabel, one.traffic ? "on" : "off"}},
          one.drop_rate ? Json{{kRateAnnotation, nullptr}} : Json());
  }
  for (const RewriteDrain& rewrite : plan.rewrite) {
    patch(rewrite.pod, nullptr, {{kDrainAnnotation, encode_drain_record(rewrite.record)}});
  }
  for (const RecordRate& record : plan.record_rates) {
    patch(record.pod, nullptr, {{kRateAnnotation, encode_drain_rate(record.rate_per_second)}});
  }
  for (const DrainOrder& order : plan.orders) {
    const auto answer = call(order.pod, order.rate_per_second, [&] {
      return world_.order_drain(order.pod.uid, order.terms.reason, order.terms.deadline, order.rate_per_second);
    });
    if (answer) states_.ordered(order.pod.uid, order.terms);
  }
  for (const PodRef& pod : plan.undrain) (void)call(pod, 0, [&] { return world_.end_drain(pod.uid); });
  for (const ShedOrder& order : plan.sheds) {
    (void)call(order.pod, order.rate_per_second,
               [&] { return world_.order_shed(order.pod.uid, order.id, order.count, order.rate_per_second); });
  }
  for (const PodRef& pod : plan.unshed) (void)call(pod, 0, [&] { return world_.end_shed(pod.uid); });
  for (const ProbePod& pod : plan.probes) probe(pod);
  bool created = true;
  for (const NewPod& pod : plan.create) {
    created = create(pod);
    if (!created) break;
  }
  if (!plan.create.empty()) memory_.note_creates(kKey, created ? Problem{} : Problem{"CreateFailed", "as drawn"});
  if (plan.remove_finalizer && world_.pods().empty()) write_finalizer(false);
}

std::optional<GatewayState> SimOperator::call(const PodRef& pod, double rate,
                                              const std::function<std::optional<GatewayState>()>& make) {
  maybe_crash();
  const SteadyTime asked_at = world_.clock.steady();
  const auto found = world_.pods().find(pod.name);
  const bool reachable =
      found != world_.pods().end() && found->second.process.reachable && kube::uid_of(found->second.object) == pod.uid;
  std::optional<GatewayState> state;
  if (reachable && world_.random.unit() >= faults_.call_failed) state = make();
  if (state && world_.random.unit() < faults_.call_lost) state.reset();
  maybe_crash();
  if (state) {
    (void)states_.heard(pod.uid, asked_at, *state);
  } else {
    states_.failed(pod.uid, asked_at, rate, ErrorCode::kUnavailable);
  }
  return state;
}

/// As Applier::patch_pod: where nobody knows what became of the write, the pod is read back.
bool SimOperator::patch(const PodRef& pod, const Json& labels, const Json& annotations) {
  maybe_crash();
  const Fate fate = draw();
  if (fate == Fate::kRefused) {
    memory_.note_unsure(kKey, {pod.name});
    settle(pod.name);
    return false;
  }
  const auto written = world_.patch_pod(pod.name, pod.resource_version, labels, annotations);
  if (written) ++writes;
  maybe_crash();
  if (fate == Fate::kDone && written) {
    pod_writes_.wrote(kKey, facts_of(*written));
    return true;
  }
  if (!written && written.error().code == ErrorCode::kNotFound) return false;
  memory_.note_unsure(kKey, {pod.name});
  settle(pod.name);
  return false;
}

void SimOperator::settle(const std::string& pod) {
  if (world_.random.unit() < faults_.read_failed) return;
  Result<Json> there = world_.get_pod(pod);
  if (there) pod_writes_.wrote(kKey, facts_of(*there));
  memory_.note_sure(kKey, pod);
}

void SimOperator::remove(const DeletePod& removal, const std::vector<PodPtr>& pods) {
  maybe_crash();
  const auto object =
      std::find_if(pods.begin(), pods.end(), [&](const PodPtr& pod) { return pod->uid == removal.pod.uid; });
  const Fate fate = draw();
  if (object == pods.end() || fate == Fate::kRefused) return;
  oracle_.deleting(removal.pod.name, removal.pod.uid, removal.pod.resource_version);
  const auto removed = world_.delete_pod(removal.pod.name, removal.pod.uid, removal.pod.resource_version);
  if (removed) ++writes;
  maybe_crash();
  if (fate == Fate::kLost || (!removed && removed.error().code != ErrorCode::kNotFound)) return;
  if (removed && kube::is_deleting(*removed)) {
    pod_writes_.wrote(kKey, facts_of(*removed));
  } else {
    pod_writes_.removed(kKey, **object);
  }
}

bool SimOperator::create(const NewPod& pod) {
  maybe_crash();
  const Fate fate = draw();
  if (fate == Fate::kRefused) return false;
  const auto revision = std::find_if(world_.revisions().begin(), world_.revisions().end(),
                                     [&](const Revision& one) { return one.hash == pod.revision; });
  if (revision == world_.revisions().end()) {
    oracle_.violated("a pod is made of revision " + pod.revision + ", which nobody has kept");
    return false;
  }
  if (!world_.pods().contains(pod.name)) oracle_.creating();
  auto made = world_.create_pod(render_pod(*newest_gateway(), pod.name, *revision));
  if (made) ++writes;
  maybe_crash();
  if (fate == Fate::kLost) return false;
  if (!made) made = world_.get_pod(pod.name);
  if (!made) return false;
  pod_writes_.wrote(kKey, facts_of(*made));
  return true;
}

void SimOperator::write_finalizer(bool ours) {
  maybe_crash();
  if (draw() == Fate::kRefused) return;
  world_.write_finalizers(ours ? Json::array({kFinalizer}) : Json::array());
  ++writes;
}

}  // namespace sluice::op::simulation
