#include "operator/controller.h"

namespace sluice::op {

/// What else follows from the plan's view of who is well: probes, what the fleet is told, what people are told.
void Controller::heal(const Basis& basis, const Plan& plan, const Applied& applied) {
  for (const SetHealth& change : plan.health) {
    // A pod that is out (again) has to prove itself from the beginning.
    if (change.record && change.record->phase == HealthPhase::kOffline) prober_.forget(change.pod.uid);
  }
  for (const ProbePod& pod : plan.probes) prober_.probe(basis.key, pod);
  for (const AdminCall::Peer& peer : applied.peers) {
    std::vector<PodRef> others;
    for (const PodView& pod : basis.seen.pods) {
      const bool hears = pod.container == ContainerState::kRunning && !pod.address.empty() && !pod.finished;
      if (hears && pod.uid != peer.uid) others.push_back(ref_to(pod));
    }
    broadcaster_.tell(peer, others);
  }
  if (memory_.is_new_hold(basis.key, plan.kicks_held)) {
    events_.record(basis.gateway, kube::EventType::kWarning, "KickHeld", "Heal", plan.kicks_held);
  }
  const int rebalance = memory_.note_rebalanced(basis.key, plan.rebalanced);
  if (rebalance == 0) return;
  std::set<std::string> names;
  for (const PodView& pod : basis.seen.pods) {
    if (plan.rebalanced.contains(pod.uid)) names.insert(pod.name);
  }
  const Announcement news = rebalance > 0 ? rebalance_began(names, basis.spec) : rebalance_ended();
  events_.record(basis.gateway, kube::EventType::kNormal, news.reason, news.action, news.note);
  if (rebalance > 0) fleet_metrics_.rebalances.add();
}

}  // namespace sluice::op
