// The part of the oracle that watches who is taken out of the fleet or the endpoints, and what sheds release.
#include <algorithm>

#include "operator/names.h"
#include "operator/node_view.h"
#include "operator/simulation/oracle.h"

namespace sluice::op::simulation {
namespace {

bool is_backing_off(const Pod& pod) {
  return kube::text_at(pod.object, "/status/containerStatuses/0/state/waiting/reason") == "CrashLoopBackOff";
}

bool has_record(const Pod& pod) {
  return !kube::annotation_of(pod.object, kHealthAnnotation).empty();
}

}  // namespace

/// Never more than healing.maxKickedPercent of the fleet, one at least where there are two, those on their way back
/// included; and none by the operator's own word alone.
void Oracle::kicking(const SetHealth& change) {
  if (!change.record || change.record->phase != HealthPhase::kOffline) return;
  const Pod* pod = hit(change.pod.name, change.pod.resource_version);
  if (pod == nullptr || has_record(*pod)) return;  // A relapse: it is out already.
  int out = 0;
  int all = 0;
  for (const auto& [name, one] : world_.pods()) {
    if (!is_live(one)) continue;
    ++all;
    out += has_record(one) ? 1 : 0;
  }
  const int lost = lost_lately();
  int percent = 0;
  for (const Past& past : past_) percent = std::max(percent, past.spec->healing.kicked_percent_max);
  const int fleet = all + lost;
  const int most = percent == 0 || fleet < 2 ? 0 : std::max(1, fleet * percent / 100);
  const std::string what =
      "a kick of " + change.pod.name + " (severity " + std::to_string(change.record->severity) + ")";
  if (out + 1 > most) {
    violated(what + " leaves " + std::to_string(out + 1) + " of " + std::to_string(all) + " pods out, " +
             std::to_string(most) + " may be");
  }
  // The write is conditional on the pod as it is, so that what its kubelet says is what the operator has read.
  switch (change.record->severity) {
    case 3:
      if (is_ready(*pod)) violated(what + " though its kubelet says that it is ready");
      break;
    case 4: {
      // A node has a watch of its own, which may be behind.
      const Node* node = world_.node_of(*pod);
      if (node != nullptr && view_node(node->object).ready && world_.clock.steady() - node->ready_since > kViewAge) {
        violated(what + " though its node is ready");
      }
      break;
    }
    case 5:
      if (!is_backing_off(*pod)) violated(what + " though its kubelet does not back off");
      break;
    default:
      violated(what + " is too slight for a kick");
  }
}

/// Whoever takes a pod out of the endpoints leaves somebody in them.
void Oracle::relabeling(const Relabel& change) {
  const Pod* pod = hit(change.pod.name, change.pod.resource_version);
  if (change.traffic || pod == nullptr || !receives(*pod)) return;
  const auto others = std::count_if(world_.pods().begin(), world_.pods().end(), [&](const auto& entry) {
    return entry.first != change.pod.name && receives(entry.second);
  });
  if (others + lost_lately() == 0) {
    violated(change.pod.name + " leaves the endpoints (" + change.why + ") and nobody is left in them");
  }
}

/// A shed moves what a pod has too much; one that others fill meanwhile, or that drains, has nothing to shed.
void Oracle::shedding(const ShedOrder& order) {
  const Pod* pod = world_.find_by_uid(order.pod.uid);
  if (pod == nullptr || !runs(*pod) || is_terminating(*pod)) return;
  const std::string what = "a shed of " + order.pod.name + " at " + std::to_string(order.rate_per_second) + "/s";
  const double before = pod->process.shed && pod->process.shed->remaining > 0 ? pod->process.shed->rate : 0;
  const double rates = rates_in_effect() - before + order.rate_per_second;
  const double budget = budget_most();
  if (rates > budget * 1.01 + 0.1) {
    violated(what + " brings the rates in effect to " + std::to_string(rates) + "/s, the budget is " +
             std::to_string(budget));
  }
  if (order.count < 1) violated(what + " is of nobody");
}

}  // namespace sluice::op::simulation
