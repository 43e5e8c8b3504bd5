#include "operator/apply.h"

#include <algorithm>
#include <mutex>

#include "common/base/contract.h"
#include "common/base/log.h"
#include "operator/apply_parts.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/ownership.h"
#include "operator/parallel.h"
#include "operator/plan_drains.h"
#include "operator/pod_state.h"

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kStartedMetric = "sluice_operator_drains_started_total";
constexpr const char* kEndedMetric = "sluice_operator_drains_ended_total";
constexpr const char* kSecondsMetric = "sluice_operator_drain_seconds";
constexpr const char* kMovedMetric = "sluice_operator_connections_moved_total";

Histogram drain_seconds(MetricsRegistry& metrics, DrainReason reason) {
  return metrics.histogram(kSecondsMetric, "From the decision to drain to the pod's deletion.",
                           {5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400},
                           {{"reason", to_string(reason)}});
}

Counter connections_moved(MetricsRegistry& metrics, DrainReason reason) {
  return metrics.counter(kMovedMetric, "Connections that left before their pod's deadline.",
                         {{"reason", to_string(reason)}});
}

/// Whether a write may have happened though it failed. A conflict may be our own doing: the client repeats what the
/// server asks it to repeat, and then meets what the first try has written.
bool may_have_happened(const Error& error) {
  return error.code != ErrorCode::kNotFound && error.code != ErrorCode::kInvalid && error.code != ErrorCode::kDenied;
}

const char* outcome_of(DeleteReason reason) {
  switch (reason) {
    case DeleteReason::kDrained:
      return "completed";
    case DeleteReason::kTimedOut:
      return "timed_out";
    case DeleteReason::kStopped:
    case DeleteReason::kNeverStarted:
      break;
  }
  return "stopped";
}

}  // namespace

Status read_pod(kube::Client& client, PodWrites& pod_writes, const std::string& key, const std::string& ns,
                const std::string& name) {
  Result<Json> pod = client.get(kSlimPods, ns, name);
  if (!pod && pod.error().code == ErrorCode::kNotFound) return Status::success();
  if (!pod) return pod.error();
  if (kube::label_of(*pod, kGatewayLabel) != kube::split_key(key).name) return Status::success();
  pod_writes.wrote(key, facts_of(*pod));
  return Status::success();
}

Applier::Applier(Parts parts) : parts_(std::move(parts)) {
  make_health_metrics();
  for (const auto reason : kDrainReasons) {
    (void)parts_.metrics.counter(kStartedMetric, "Drains begun.", {{"reason", to_string(reason)}});
    (void)drain_seconds(parts_.metrics, reason);
    (void)connections_moved(parts_.metrics, reason);
  }
  for (const char* outcome : {"completed", "timed_out", "stopped", "cancelled"}) {
    (void)parts_.metrics.counter(kEndedMetric, "Drains ended.", {{"outcome", outcome}});
  }
}

Applied Applier::apply(const Basis& basis, const Plan& plan) {
  Applied applied;
  if (plan.add_finalizer) write_finalizers(basis, true, applied);
  remove_pods(basis, plan.remove, applied);
  cancel_drains(basis, plan.cancel, applied);
  start_drains(basis, plan.start, applied);
  set_health(basis, plan.health, applied);
  relabel(basis, plan.relabel, applied);
  rewrite_drains(basis, plan.rewrite, applied);
  record_rates(basis, plan.record_rates, applied);
  give_orders(basis, plan.orders, applied);
  undrain(plan.undrain, applied);
  shed(basis, plan.sheds, applied);
  unshed(plan.unshed, applied);
  if (plan.canary.drop_promotion) drop_promotion(basis, applied);
  create_pods(basis, plan.create, applied);
  if (plan.remove_finalizer) remove_finalizer(basis, applied);
  return applied;
}

void Applier::write_finalizers(const Basis& basis, bool ours, Applied& applied) {
  Json finalizers = Json::array();
  const Json& before = kube::at_pointer(basis.gateway, "/metadata/finalizers");
  if (before.is_array()) finalizers = before;
  finalizers.erase(std::remove(finalizers.begin(), finalizers.end(), kFinalizer), finalizers.end());
  if (ours) finalizers.push_back(kFinalizer);
  const Json patch{{"metadata",
                    {{"resourceVersion", std::string(kube::resource_version_of(basis.gateway))},
                     {"finalizers", std::move(finalizers)}}}};
  const auto written = parts_.client.patch(kube::kRealtimeGateways, basis.seen.ns, basis.seen.name,
                                           kube::PatchType::kMerge, patch, {.field_manager = kFieldManager});
  if (!written) {
    if (written.error().code != ErrorCode::kNotFound) note(applied, written.error());
    return;
  }
  parts_.gateway_writes.wrote(basis.key, *written);
  wake(applied, Duration(0));
}

/// A promotion that has had its effect would have it again, were the same template to come back.
void Applier::drop_promotion(const Basis& basis, Applied& applied) {
  const Json patch{{"metadata",
                    {{"resourceVersion", std::string(kube::resource_version_of(basis.gateway))},
                     {"annotations", {{kPromoteAnnotation, nullptr}}}}}};
  const auto written = parts_.client.patch(kube::kRealtimeGateways, basis.seen.ns, basis.seen.name,
                                           kube::PatchType::kMerge, patch, {.field_manager = kFieldManager});
  if (written) {
    parts_.gateway_writes.wrote(basis.key, *written);
  } else if (written.error().code != ErrorCode::kNotFound) {
    note(applied, written.error());
  }
}

/// Last of all. The cache says that no pod is left; the API server itself is asked once more, since a pod that was
/// overlooked would lose its drain.
void Applier::remove_finalizer(const Basis& basis, Applied& applied) {
  const auto pods = parts_.client.list(kSlimPods, basis.seen.ns, {.label_selector = gateway_selector(basis.seen.name)});
  if (!pods) return note(applied, pods.error());
  for (const Json& pod : (*pods)["items"]) {
    if (!owned_by(pod, basis.seen.uid)) continue;
    log_info("finalizer kept: a pod is left that the cache does not show yet",
             {{"gateway", basis.key}, {"pod", kube::name_of(pod)}});
    return wake(applied, kAdminRetry);
  }
  write_finalizers(basis, false, applied);
  applied.gone = applied.status.ok();
  if (applied.gone) log_info("gateway gone, finalizer removed", {{"gateway", basis.key}});
}

void Applier::remove_pods(const Basis& basis, const std::vector<DeletePod>& removals, Applied& applied) {
  std::mutex mutex;
  run_parallel(static_cast<int>(removals.size()), kWritesInParallelMax, [&](int index) {
    if (parts_.stopping && parts_.stopping()) return;
    const Status removed = remove_pod(basis, removals[static_cast<std::size_t>(index)]);
    const std::lock_guard lock(mutex);
    note(applied, removed);
  });
}

Status Applier::remove_pod(const Basis& basis, const DeletePod& removal) {
  const auto object = std::find_if(basis.pods.begin(), basis.pods.end(),
                                   [&](const PodPtr& pod) { return pod->uid == removal.pod.uid; });
  if (object == basis.pods.end()) return Status::success();
  const auto removed = parts_.client.remove(kSlimPods, basis.seen.ns, removal.pod.name,
                                            {.uid = removal.pod.uid, .resource_version = removal.pod.resource_version});
  if (!removed && removed.error().code != ErrorCode::kNotFound) return removed.error();
  if (removed && kube::uid_of(*removed) == removal.pod.uid && kube::is_deleting(*removed)) {
    parts_.pod_writes.wrote(basis.key, facts_of(*removed));
  } else {
    parts_.pod_writes.removed(basis.key, **object);
  }
  log_info("pod deleted", {{"gateway", basis.key},
                           {"pod", removal.pod.name},
                           {"reason", to_string(removal.reason)},
                           {"connections", removal.connections.value_or(-1)}});
  if (removal.record) count_end(removal);
  if (const auto exceeded = budget_exceeded(removal)) say(basis.gateway, *exceeded);
  if (const auto ended = drain_ended(removal, parts_.clock.wall())) say(basis.gateway, *ended);
  return Status::success();
}

/// After a write that failed with `error`, where it may have happened all the same.
void Applier::read_back(const Basis& basis, const std::string& pod, const Error& error, std::set<std::string>& unsure) {
  if (!may_have_happened(error)) return;
  if (!read_pod(parts_.client, parts_.pod_writes, basis.key, basis.seen.ns, pod)) unsure.insert(pod);
}

/// Where the answer was lost the pod is read back: a drain that has begun must count, or a second one would follow.
Status Applier::patch_pod(const Basis& basis, const PodRef& pod, Json metadata, std::set<std::string>& unsure) {
  metadata["resourceVersion"] = pod.resource_version;
  const auto written = parts_.client.patch(kSlimPods, basis.seen.ns, pod.name, kube::PatchType::kMerge,
                                           {{"metadata", std::move(metadata)}}, {.field_manager = kFieldManager});
  if (!written) {
    read_back(basis, pod.name, written.error(), unsure);
    return written.error();
  }
  parts_.pod_writes.wrote(basis.key, facts_of(*written));
  return Status::success();
}

/// The gateway first, so that the pod never takes traffic while its gateway refuses it; a pod whose gateway does not
/// answer stays in its drain.
void Applier::cancel_drains(const Basis& basis, const std::vector<CancelDrain>& cancels, Applied& applied) {
  std::vector<AdminCall> calls;
  for (const CancelDrain& cancel : cancels) {
    if (cancel.tell_gateway) calls.push_back(call_to(cancel.pod, AdminCall::Verb::kUndrain));
  }
  const auto answers = call_gateways(calls);
  std::size_t call = 0;
  for (const CancelDrain& cancel : cancels) {
    if (cancel.tell_gateway && !answers[call++]) {
      wake(applied, kAdminRetry);
      continue;
    }
    Json metadata = state_patch(kStateActive, true);
    metadata["annotations"][kRateAnnotation] = nullptr;
    const Status written = patch_pod(basis, cancel.pod, std::move(metadata), applied.unsure);
    note(applied, written);
    if (!written) continue;
    log_info("drain taken back", {{"gateway", basis.key}, {"pod", cancel.pod.name}});
    applied.reversed = true;
    count_end("cancelled");
    say(basis.gateway, drain_cancelled(cancel));
  }
}

/// One write takes the pod out of the endpoints and says why and until when: nothing acts on a decision that a crash
/// could lose.
void Applier::start_drains(const Basis& basis, const std::vector<StartDrain>& starts, Applied& applied) {
  for (const StartDrain& start : starts) {
    Json metadata = state_patch(kStateDraining, false);
    metadata["annotations"][kDrainAnnotation] = encode_drain_record(start.record);
    const Status written = patch_pod(basis, start.pod, std::move(metadata), applied.unsure);
    note(applied, written);
    if (!written) continue;
    log_info("drain started", {{"gateway", basis.key},
                               {"pod", start.pod.name},
                               {"reason", to_string(start.record.reason)},
                               {"connections", start.connections.value_or(-1)}});
    parts_.metrics.counter(kStartedMetric, "Drains begun.", {{"reason", to_string(start.record.reason)}}).add();
    if (start.chosen) say(basis.gateway, victim_selected(start));
    say(basis.gateway, drain_started(start, basis.spec));
  }
}

void Applier::relabel(const Basis& basis, const std::vector<Relabel>& relabels, Applied& applied) {
  for (const Relabel& one : relabels) {
    log_info("pod labelled", {{"gateway", basis.key},
                              {"pod", one.pod.name},
                              {"state", one.state},
                              {"traffic", one.traffic},
                              {"why", one.why}});
    Json metadata = state_patch(one.state, one.traffic);
    if (one.drop_rate) metadata["annotations"][kRateAnnotation] = nullptr;
    note(applied, patch_pod(basis, one.pod, std::move(metadata), applied.unsure));
  }
}

void Applier::rewrite_drains(const Basis& basis, const std::vector<RewriteDrain>& rewrites, Applied& applied) {
  for (const RewriteDrain& rewrite : rewrites) {
    const Json record{{kDrainAnnotation, encode_drain_record(rewrite.record)}};
    const Status written = patch_pod(basis, rewrite.pod, {{"annotations", record}}, applied.unsure);
    note(applied, written);
    if (!written) continue;
    log_info("drain rewritten",
             {{"gateway", basis.key}, {"pod", rewrite.pod.name}, {"frozen", rewrite.record.frozen_at.has_value()}});
    say(basis.gateway, rewrite.record.frozen_at ? drain_frozen(rewrite) : drain_thawed(rewrite));
    wake(applied, Duration(0));
  }
}

void Applier::record_rates(const Basis& basis, const std::vector<RecordRate>& records, Applied& applied) {
  std::mutex mutex;
  run_parallel(static_cast<int>(records.size()), kWritesInParallelMax, [&](int index) {
    const RecordRate& record = records[static_cast<std::size_t>(index)];
    std::set<std::string> unsure;
    const Json rate{{kRateAnnotation, encode_drain_rate(record.rate_per_second)}};
    const Status written = patch_pod(basis, record.pod, {{"annotations", rate}}, unsure);
    const std::lock_guard lock(mutex);
    applied.unsure.merge(unsure);
    note(applied, written);
    // The order follows once the watch has brought the write; nothing is repeated at once where a webhook has undone
    // it.
    if (written) wake(applied, kAdminRetry);
  });
}

void Applier::give_orders(const Basis& basis, const std::vector<DrainOrder>& orders, Applied& applied) {
  std::vector<AdminCall> calls;
  for (const DrainOrder& order : orders) {
    AdminCall call = call_to(order.pod, AdminCall::Verb::kDrain);
    call.reason = order.terms.reason;
    call.deadline = order.terms.deadline;
    call.rate_per_second = order.rate_per_second;
    call.close_code = order.terms.close_code;
    call.hint_jitter = order.terms.hint_jitter;
    calls.push_back(std::move(call));
  }
  const auto answers = call_gateways(calls);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const DrainOrder& order = orders[i];
    if (answers[i]) parts_.states.ordered(order.pod.uid, order.terms);
    const HeardState heard = parts_.states.get(order.pod.uid);
    const bool taken =
        answers[i] && heard.state &&
        order_holds(*heard.state, heard.rate_possible, heard.ordered, order.terms, order.rate_per_second);
    log_info("drain ordered", {{"gateway", basis.key},
                               {"pod", order.pod.name},
                               {"rate_per_second", order.rate_per_second},
                               {"taken", taken}});
    // An order that is taken may free budget for others, or show an empty gateway at once. One that the plan would
    // repeat must not be repeated without a pause.
    wake(applied, taken ? Duration(0) : kAdminRetry);
  }
}

void Applier::undrain(const std::vector<PodRef>& pods, Applied& applied) {
  std::vector<AdminCall> calls;
  calls.reserve(pods.size());
  for (const PodRef& pod : pods) calls.push_back(call_to(pod, AdminCall::Verb::kUndrain));
  if (!pods.empty()) wake(applied, kAdminRetry);
  (void)call_gateways(calls);
}

std::vector<std::optional<GatewayState>> Applier::call_gateways(const std::vector<AdminCall>& calls) {
  if (calls.empty()) return {};
  const SteadyTime asked_at = parts_.clock.steady();
  const auto answers = call_all(parts_.admin, calls);
  std::vector<std::optional<GatewayState>> states;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (answers[i]) {
      (void)parts_.states.heard(calls[i].uid, asked_at, *answers[i]);
      states.emplace_back(*answers[i]);
      continue;
    }
    log_warn("a gateway did not take a call", {{"uid", calls[i].uid}, {"error", answers[i].error().message}});
    parts_.states.failed(calls[i].uid, parts_.clock.steady(), calls[i].rate_per_second, answers[i].error().code);
    states.emplace_back(std::nullopt);
  }
  return states;
}

void Applier::say(const Json& gateway, const Announcement& announcement) {
  parts_.events.record(gateway, announcement.warning ? kube::EventType::kWarning : kube::EventType::kNormal,
                       announcement.reason, announcement.action, announcement.note);
}

void Applier::count_end(const DeletePod& removal) const {
  count_end(outcome_of(removal.reason));
  const DrainRecord& record = *removal.record;
  drain_seconds(parts_.metrics, record.reason)
      .observe(std::chrono::duration<double>(parts_.clock.wall() - record.started_at).count());
  if (removal.initial && removal.connections && *removal.initial > *removal.connections) {
    connections_moved(parts_.metrics, record.reason).add(static_cast<double>(*removal.initial - *removal.connections));
  }
}

void Applier::count_end(const char* outcome) const {
  parts_.metrics.counter(kEndedMetric, "Drains ended.", {{"outcome", outcome}}).add();
}

}  // namespace sluice::op
