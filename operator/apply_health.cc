// The parts of apply.h that carry out healing and rebalance.
#include <algorithm>

#include "common/base/contract.h"
#include "common/base/log.h"
#include "operator/apply.h"
#include "operator/apply_parts.h"
#include "operator/limits.h"
#include "operator/pod_state.h"

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kKicksMetric = "sluice_operator_kicks_total";
constexpr const char* kKicksHelp = "Pods put out of the fleet, relapses included.";

}  // namespace

void Applier::make_health_metrics() const {
  for (const auto event : kHealthEvents) {
    (void)parts_.metrics.counter(kKicksMetric, kKicksHelp, {{"event", to_string(event)}});
  }
}

/// One write says what is the matter and takes the pod out of the endpoints, or back in.
void Applier::set_health(const Basis& basis, const std::vector<SetHealth>& changes, Applied& applied) {
  for (const SetHealth& change : changes) {
    const auto pod = std::find_if(basis.seen.pods.begin(), basis.seen.pods.end(),
                                  [&](const PodView& one) { return one.uid == change.pod.uid; });
    if (pod == basis.seen.pods.end()) continue;
    const auto& record = change.record;
    const std::string state = state_of(record);
    Json metadata = state_patch(state, state != kStateOffline);
    if (record) metadata["annotations"][kHealthAnnotation] = encode_health_record(*record);
    const Status written = patch_pod(basis, change.pod, std::move(metadata), applied.unsure);
    note(applied, written);
    if (!written) continue;
    log_info("a pod's health has changed", {{"gateway", basis.key},
                                            {"pod", change.pod.name},
                                            {"state", state},
                                            {"phase", record ? to_string(record->phase) : "Active"},
                                            {"percent", record ? record->percent : 100},
                                            {"why", change.why}});
    if (change.news == HealthNews::kKicked || change.news == HealthNews::kRelapsed) {
      parts_.metrics.counter(kKicksMetric, kKicksHelp, {{"event", to_string(record->event)}}).add();
    }
    if (const auto news = health_news(change, pod->health)) say(basis.gateway, *news);
    if (change.news == HealthNews::kGrows || change.news == HealthNews::kHeld) continue;
    applied.peers.push_back({change.pod.name, change.pod.uid, state, record ? record->severity : 0});
  }
}

void Applier::shed(const Basis& basis, const std::vector<ShedOrder>& orders, Applied& applied) {
  std::vector<AdminCall> calls;
  for (const ShedOrder& order : orders) {
    AdminCall call = call_to(order.pod, AdminCall::Verb::kShed);
    call.id = order.id;
    call.count = order.count;
    call.rate_per_second = order.rate_per_second;
    call.close_code = basis.spec.drain.close_code;
    call.hint_jitter = basis.spec.drain.hint_jitter;
    calls.push_back(std::move(call));
  }
  const auto answers = call_gateways(calls);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    log_info("shed ordered", {{"gateway", basis.key},
                              {"pod", orders[i].pod.name},
                              {"connections", orders[i].count},
                              {"rate_per_second", orders[i].rate_per_second},
                              {"taken", answers[i].has_value()}});
    wake(applied, kAdminRetry);
  }
}

void Applier::unshed(const std::vector<PodRef>& pods, Applied& applied) {
  std::vector<AdminCall> calls;
  calls.reserve(pods.size());
  for (const PodRef& pod : pods) calls.push_back(call_to(pod, AdminCall::Verb::kUnshed));
  if (!pods.empty()) wake(applied, kAdminRetry);
  (void)call_gateways(calls);
}

}  // namespace sluice::op
