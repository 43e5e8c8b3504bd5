// The part of the simulated operator that acts: what apply.cc does with a plan, done to the model world.
#include <algorithm>

#include "operator/eviction.h"
#include "operator/health_record.h"
#include "operator/names.h"
#include "operator/plan_drains.h"
#include "operator/render.h"
#include "operator/simulation/sim_operator.h"

namespace sluice::op::simulation {

using kube::Json;

/// What plans ask for; a write that is refused is asked for again.
void SimOperator::note_met(const Plan& plan) {
  for (const StartDrain& start : plan.start) ++met[std::string("drains ") + to_string(start.record.reason)];
  for (const DeletePod& removal : plan.remove) ++met[std::string("removed ") + to_string(removal.reason)];
  for (const RewriteDrain& rewrite : plan.rewrite) ++met[rewrite.record.frozen_at ? "frozen" : "thawed"];
  for (const SetHealth& change : plan.health) {
    if (change.news == HealthNews::kKicked) ++met["kicked"];
    if (change.news == HealthNews::kRelapsed) ++met["relapsed"];
    if (change.news == HealthNews::kGray) ++met["gray"];
    if (change.news == HealthNews::kBack) ++met["back"];
  }
  if (!plan.kicks_held.empty()) ++met["kicks held"];
  if (plan.canary.news == CanaryNews::kPassed) ++met["steps passed"];
  if (plan.canary.news == CanaryNews::kFailed) ++met["steps failed"];
  if (plan.canary.news == CanaryNews::kPromoted) ++met["steps promoted"];
  if (plan.canary.shift_for > 0) ++met["shifts"];
  if (!plan.cancel.empty()) ++met["taken back"];
  if (!plan.sheds.empty()) ++met["sheds"];
}

void SimOperator::apply(const Json& gateway, const Plan& plan, const std::vector<PodPtr>& pods) {
  note_met(plan);
  actions += static_cast<std::int64_t>(plan.remove.size() + plan.cancel.size() + plan.start.size() +
                                       plan.relabel.size() + plan.orders.size() + plan.create.size() +
                                       plan.health.size() + plan.sheds.size() + plan.probes.size());
  const std::string version(kube::resource_version_of(gateway));
  if (plan.add_finalizer) {
    write_gateway([&] { return world_.write_finalizers(version, Json::array({kFinalizer})); });
  }
  for (const DeletePod& removal : plan.remove) remove(removal, pods);
  for (const CancelDrain& one : plan.cancel) cancel(one);
  for (const StartDrain& start : plan.start) {
    oracle_.starting_drain(start.pod.name, start.pod.resource_version, start.record.reason);
    patch(start.pod, {{kStateLabel, "draining"}, {kTrafficLabel, "off"}},
          {{kDrainAnnotation, encode_drain_record(start.record)}, {kHealthAnnotation, nullptr}});
  }
  for (const SetHealth& change : plan.health) {
    oracle_.kicking(change);
    const std::string state = state_of(change.record);
    patch(change.pod, {{kStateLabel, state}, {kTrafficLabel, state == "offline" ? "off" : "on"}},
          {{kHealthAnnotation, change.record ? Json(encode_health_record(*change.record)) : Json()}});
  }
  for (const Relabel& one : plan.relabel) {
    oracle_.relabeling(one);
    Json annotations;
    if (one.drop_rate) annotations[kRateAnnotation] = nullptr;
    if (one.state == "active") annotations[kHealthAnnotation] = nullptr;
    patch(one.pod, {{kStateLabel, one.state}, {kTrafficLabel, one.traffic ? "on" : "off"}}, annotations);
  }
  for (const RewriteDrain& rewrite : plan.rewrite) {
    patch(rewrite.pod, nullptr, {{kDrainAnnotation, encode_drain_record(rewrite.record)}});
  }
  for (const RecordRate& record : plan.record_rates) {
    patch(record.pod, nullptr, {{kRateAnnotation, encode_drain_rate(record.rate_per_second)}});
  }
  call_gateways(plan);
  if (plan.canary.drop_promotion) write_gateway([&] { return world_.drop_promotion(version); });
  bool created = true;
  for (const NewPod& pod : plan.create) {
    created = create(pod);
    if (!created) break;
  }
  if (!plan.create.empty()) memory_.note_creates(kKey, created ? Problem{} : Problem{"CreateFailed", "as drawn"});
  if (plan.remove_finalizer && world_.pods().empty()) {
    write_gateway([&] { return world_.write_finalizers(version, Json::array()); });
  }
}

void SimOperator::call_gateways(const Plan& plan) {
  for (const DrainOrder& order : plan.orders) {
    const auto answer = call(order.pod, order.rate_per_second, [&] {
      return world_.order_drain(order.pod.uid, order.terms.reason, order.terms.deadline, order.rate_per_second);
    });
    if (answer) states_.ordered(order.pod.uid, order.terms);
  }
  for (const PodRef& pod : plan.undrain) (void)call(pod, 0, [&] { return world_.end_drain(pod.uid); });
  for (const ShedOrder& order : plan.sheds) {
    oracle_.shedding(order);
    (void)call(order.pod, order.rate_per_second,
               [&] { return world_.order_shed(order.pod.uid, order.id, order.count, order.rate_per_second); });
  }
  for (const PodRef& pod : plan.unshed) (void)call(pod, 0, [&] { return world_.end_shed(pod.uid); });
}

void SimOperator::cancel(const CancelDrain& cancel) {
  if (cancel.tell_gateway && !call(cancel.pod, 0, [&] { return world_.end_drain(cancel.pod.uid); })) return;
  if (patch(cancel.pod, {{kStateLabel, "active"}, {kTrafficLabel, "on"}},
            {{kDrainAnnotation, nullptr}, {kRateAnnotation, nullptr}})) {
    memory_.note_reversed(kKey);
  }
}

std::optional<GatewayState> SimOperator::call(const PodRef& pod, double rate,
                                              const std::function<std::optional<GatewayState>()>& make) {
  maybe_crash();
  const SteadyTime asked_at = world_.clock.steady();
  std::optional<GatewayState> state;
  if (world_.random.unit() >= faults_.call_failed) state = make();
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
  if (fate == Fate::kRefused) {
    memory_.note_unsure(kKey, {pod.name});
    settle(pod.name);
    return false;
  }
  const auto revision = std::find_if(world_.revisions().begin(), world_.revisions().end(),
                                     [&](const Revision& one) { return one.hash == pod.revision; });
  if (revision == world_.revisions().end()) {
    oracle_.violated("a pod is made of revision " + pod.revision + ", which nobody has kept");
    return false;
  }
  if (!world_.pods().contains(pod.name)) oracle_.creating(pod.revision);
  Json object = render_pod(*newest_gateway(), pod.name, *revision);
  if (world_.has_evictions()) add_eviction_responder(object);
  auto made = world_.create_pod(object);
  if (made) ++writes;
  maybe_crash();
  if (fate == Fate::kLost) {
    memory_.note_unsure(kKey, {pod.name});
    settle(pod.name);
    return false;
  }
  if (!made) made = world_.get_pod(pod.name);
  if (!made) return false;
  pod_writes_.wrote(kKey, facts_of(*made));
  return true;
}

void SimOperator::write_gateway(const std::function<Status()>& write) {
  maybe_crash();
  const Fate fate = draw();
  if (fate == Fate::kRefused || !write()) return;
  ++writes;
  if (fate == Fate::kDone) gateway_writes_.wrote(kKey, world_.gateway());
}

}  // namespace sluice::op::simulation
