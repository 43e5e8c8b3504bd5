#include "operator/simulation/disturbances.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "operator/eviction.h"
#include "operator/names.h"

namespace sluice::op::simulation {

using kube::Json;

void Disturbances::change_weather() {
  faults_ = {.refused = up_to(0.2),
             .answer_lost = up_to(0.2),
             .read_failed = up_to(0.5),
             .crash = up_to(0.05),
             .call_failed = up_to(0.3),
             .call_lost = up_to(0.3)};
  spec_changes_ = up_to(0.06);
  pod_hits_ = up_to(0.04);
  node_hits_ = up_to(0.03);
  edits_ = up_to(0.02);
  evictions_ = up_to(0.03);
  clients_ = up_to(0.4);
  watch_stops_ = up_to(0.05);
  world_.set_handshake_seconds(chance(0.2) ? 3 : 0.01);
}

void Disturbances::strike() {
  if (chance(spec_changes_)) change_spec();
  if (chance(pod_hits_)) hit_pod();
  if (chance(node_hits_)) hit_node();
  if (chance(edits_)) edit();
  if (chance(evictions_)) ask_to_go();
  if (chance(0.05)) world_.arrive(below(200));
  if (chance(0.05)) world_.leave(below(200));
  if (!chance(clients_)) return;
  // Clients that come and go: a canary has its samples by them.
  const int clients = below(60);
  world_.leave(clients);
  world_.arrive(clients);
}

void Disturbances::end() {
  faults_ = {};
  world_.set_handshake_seconds(0.01);
  std::vector<std::string> nodes;
  for (const auto& [name, node] : world_.nodes()) nodes.push_back(name);
  bool any_free = false;
  for (const std::string& name : nodes) {
    world_.return_node(name);
    any_free = any_free || !world_.nodes().at(name).cordoned;
  }
  if (!any_free) world_.uncordon(any_node());
  for (auto& [name, pod] : world_.pods()) {
    pod.process.reachable = true;
    pod.process.ends_early = 0;
    pod.process.hung_until = world_.clock.steady();
  }
  // What a person has paused or frozen for good would never be finished.
  if (chance(0.8)) world_.write_spec({{"paused", false}, {"drainFreeze", false}});
  // More clients than the pods asked for can carry would hold scale-downs for good.
  const GatewaySpec& spec = *world_.spec();
  world_.leave(std::max<std::int64_t>(0, world_.clients() - spec.replicas * spec.capacity.connections_per_pod / 3));
}

Pod* Disturbances::any_pod() {
  auto& pods = world_.pods();
  if (pods.empty()) return nullptr;
  return &std::next(pods.begin(), below(static_cast<int>(pods.size())))->second;
}

std::string Disturbances::any_node() {
  return std::next(world_.nodes().begin(), below(static_cast<int>(world_.nodes().size())))->first;
}

void Disturbances::write_spec(const char* group, Json fields) {
  world_.write_spec({{group, std::move(fields)}});
}

void Disturbances::change_spec() {
  ++count_;
  switch (below(14)) {
    case 0:
    case 1:
    case 2:
      return world_.write_spec({{"replicas", below(8)}});
    case 3:
    case 4:
      return write_spec(
          "template",
          {{"metadata", {{"labels", {{"v", chance(0.3) ? std::string(kBadVersion) : std::to_string(below(3))}}}}}});
    case 5:
      return write_spec("scaleDown", {{"maxConcurrentDrains", 1 + below(3)}});
    case 6:
      return world_.write_spec({{"paused", chance(0.3)}, {"drainFreeze", chance(0.3)}});
    case 7:
    case 8:
      return change_rollout();
    case 9:
      return change_healing();
    case 10:
      return promote();
    case 11: {
      const Pod* pod = any_pod();
      const bool name = pod != nullptr && chance(0.5);
      return write_spec("scaleDown", {{"podsToDrain",
                                       name ? Json::array({std::string(kube::name_of(pod->object))}) : Json::array()}});
    }
    case 12:
      return write_spec("disruption", {{"maxUnavailable", below(3)}});
    default:
      return world_.write_spec(
          {{"reconnectBudget", {{"perSecondPerReceiver", 1 + below(50)}}}, {"drain", {{"reversible", chance(0.8)}}}});
  }
}

void Disturbances::change_rollout() {
  switch (below(4)) {
    case 0: {
      const auto unavailable = below(3);
      const auto surge = unavailable == 0 ? 1 + below(3) : below(3);
      return write_spec("rollout", {{"maxSurge", surge}, {"maxUnavailable", unavailable}});
    }
    case 1:
      return write_spec("rollout", {{"partition", chance(0.5) ? 0 : below(4)}});
    default:
      break;
  }
  if (chance(0.3)) return write_spec("rollout", {{"canary", nullptr}});
  Json steps = Json::array();
  for (int percent = 10 + below(30); percent <= 100 && steps.size() < 3; percent += 20 + below(50)) {
    steps.push_back({{"percent", percent}, {"hold", std::to_string(5 + below(20)) + "s"}});
  }
  Json gates = Json::array();
  if (chance(0.8)) {
    // Halves of few clients come out uneven: so many samples, and a drop so large, tell good from bad all the same.
    gates.push_back({{"metric", chance(0.5) ? "HandshakeSuccess" : "CleanClose"},
                     {"maxDropPercent", 10},
                     {"minSamples", 40 + below(200)}});
  }
  static constexpr const char* kInsufficient[] = {"Wait", "Proceed", "Shift"};
  write_spec("rollout",
             {{"canary", {{"steps", steps}, {"gates", gates}, {"onInsufficientSamples", kInsufficient[below(3)]}}}});
}

void Disturbances::change_healing() {
  static constexpr int kPercents[] = {0, 10, 30, 50, 100};
  static constexpr const char* kTypes[] = {"None", "Arrivals", "Move"};
  write_spec("healing", {{"maxKickedPercent", kPercents[below(5)]}, {"probePercent", 5 + below(96)}});
  write_spec("rebalance", {{"type", kTypes[below(3)]}, {"skewPercent", 10 + below(50)}});
}

/// The step that is due, most of the time.
void Disturbances::promote() {
  const Json& rollout = kube::at_pointer(world_.gateway(), "/status/rollout");
  const auto step = kube::integer_at(rollout, "/step", 1) + (chance(0.2) ? 1 : 0);
  world_.promote(kube::text_at(rollout, "/revision", "none") + "/" + std::to_string(step));
}

void Disturbances::hit_pod() {
  Pod* pod = any_pod();
  if (pod == nullptr) return;
  ++count_;
  switch (below(7)) {
    case 0:
    case 1:
      return world_.crash(*pod);
    case 2:
      return world_.crash_often(*pod, 1 + below(6));
    case 3:
      return world_.lose_pod(std::string(kube::name_of(pod->object)));
    case 4:
    case 5:
      return world_.hang(*pod, Duration(1'000 + below(60'000)));
    default:
      pod->process.reachable = !pod->process.reachable;
  }
}

void Disturbances::hit_node() {
  ++count_;
  const std::string name = any_node();
  const Node& node = world_.nodes().at(name);
  switch (below(8)) {
    case 0:
      return world_.cordon(name);
    case 1:
      return world_.kubectl_drain(name);
    case 2:
    case 3:
      return world_.uncordon(name);
    case 4:
      return world_.mark_candidate(name, chance(0.5));
    case 5: {
      static constexpr World::Loss kLosses[] = {World::Loss::kKubelet, World::Loss::kNetwork, World::Loss::kPower};
      return world_.lose_node(name, kLosses[below(3)]);
    }
    case 6:
      return world_.return_node(name);
    default:
      // Nobody removes a machine that is in use.
      if (!node.kubelet || node.cordoned) world_.replace_node(name);
  }
}

/// Somebody edits what is the operator's.
void Disturbances::edit() {
  Pod* pod = any_pod();
  if (pod == nullptr || is_terminating(*pod)) return;
  ++count_;
  const std::string name(kube::name_of(pod->object));
  switch (below(3)) {
    case 0:
      return world_.edit_pod(name, {{kTrafficLabel, chance(0.5) ? "on" : "off"}}, nullptr);
    case 1:
      if (is_draining(*pod)) world_.edit_pod(name, nullptr, {{kDrainAnnotation, "scribbled over"}});
      return;
    default:
      if (is_draining(*pod)) world_.edit_pod(name, nullptr, {{kDrainAnnotation, nullptr}});
  }
}

/// By the eviction API, once, or by an Eviction; or such a wish is taken back.
void Disturbances::ask_to_go() {
  const Pod* pod = any_pod();
  if (pod == nullptr) return;
  ++count_;
  const std::string name(kube::name_of(pod->object));
  switch (below(3)) {
    case 0:
      (void)world_.evict(name);
      return;
    case 1:
      return world_.ask_eviction(name);
    default:
      if (!world_.evictions().empty()) world_.withdraw_eviction(world_.evictions().begin()->first);
  }
}

}  // namespace sluice::op::simulation
