// The part of the world that are machines: nodes that come, go and are cordoned, the scheduler, the kubelets and the
// controller that speaks for a kubelet that is away. Source: kube-controller-manager's node lifecycle controller and
// pod garbage collector, kubelet's probes and back-off; delays are shorter here so that a run meets more of them.
#include <algorithm>

#include "common/base/duration_text.h"
#include "operator/names.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {
namespace {

using kube::Json;

constexpr const char* kCordonTaint = "node.kubernetes.io/unschedulable";
constexpr const char* kCandidateTaint = "DeletionCandidateOfClusterAutoscaler";
/// A kubelet that was not heard of for so long is taken for dead: its pods are not ready (Kubernetes: 40 s).
constexpr Duration kNodeGrace{20'000};
/// And after this they are deleted (Kubernetes: the toleration of 300 s).
constexpr Duration kToleration{120'000};
/// The readiness probe fails so long after a gateway has stopped answering, and the liveness probe.
constexpr Duration kUnreadyAfter{4'000};
constexpr Duration kKilledAfter{35'000};

void drop_taint(Json& node, const char* key) {
  Json kept = Json::array();
  for (const Json& taint : node["spec"]["taints"]) {
    if (kube::text_at(taint, "/key") != key) kept.push_back(taint);
  }
  node["spec"]["taints"] = std::move(kept);
}

bool has_taint(const Json& node, const char* key) {
  const Json& taints = kube::at_pointer(node, "/spec/taints");
  return std::any_of(taints.begin(), taints.end(),
                     [&](const Json& taint) { return kube::text_at(taint, "/key") == key; });
}

bool node_ready(const Json& node) {
  return kube::text_at(node, "/status/conditions/0/status") == "True";
}

void set_node_ready(Json& node, const char* status) {
  node["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", status}}});
}

}  // namespace

const Node* World::node_of(const Pod& pod) const {
  const auto found = nodes_.find(kube::text_at(pod.object, "/spec/nodeName"));
  return found == nodes_.end() ? nullptr : &found->second;
}

bool World::is_cut_off(const Pod& pod) const {
  const Node* node = node_of(pod);
  return node == nullptr || node->cut_off;
}

void World::add_node() {
  const std::string name = "node-" + std::to_string(++nodes_made_);
  Node& node = nodes_[name];
  node.object = {{"apiVersion", "v1"},
                 {"kind", "Node"},
                 {"metadata",
                  {{"name", name},
                   {"uid", "uid-" + name},
                   {"labels", {{"topology.kubernetes.io/zone", nodes_made_ % 2 == 0 ? "a" : "b"}}}}},
                 {"spec", {{"unschedulable", false}, {"taints", Json::array()}}}};
  set_node_ready(node.object, "True");
  commit(node);
}

void World::cordon(const std::string& name) {
  Node& node = nodes_.at(name);
  if (node.cordoned) return;
  node.cordoned = true;
  node.object["spec"]["unschedulable"] = true;
  node.taint_at = clock.steady() + Duration(static_cast<int>(random.below(3'000)));
  commit(node);
}

void World::uncordon(const std::string& name) {
  Node& node = nodes_.at(name);
  node.kubectl_drains = false;
  if (!node.cordoned) return;
  node.cordoned = false;
  node.taint_at.reset();
  node.object["spec"]["unschedulable"] = false;
  drop_taint(node.object, kCordonTaint);
  commit(node);
}

void World::mark_candidate(const std::string& name, bool candidate) {
  Node& node = nodes_.at(name);
  if (has_taint(node.object, kCandidateTaint) == candidate) return;
  if (candidate) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(clock.wall()).time_since_epoch().count();
    node.object["spec"]["taints"].push_back(
        {{"key", kCandidateTaint}, {"value", std::to_string(seconds)}, {"effect", "PreferNoSchedule"}});
  } else {
    drop_taint(node.object, kCandidateTaint);
  }
  commit(node);
}

void World::kubectl_drain(const std::string& name) {
  cordon(name);
  nodes_.at(name).kubectl_drains = true;
}

void World::lose_node(const std::string& name, Loss loss) {
  Node& node = nodes_.at(name);
  if (!node.kubelet) return;
  node.kubelet = false;
  node.away_since = clock.steady();
  node.cut_off = loss != Loss::kKubelet;
  if (loss == Loss::kKubelet) return;
  for (auto& [pod_name, pod] : pods_) {
    if (kube::text_at(pod.object, "/spec/nodeName") != name) continue;
    waiting_ += std::exchange(pod.process.connections, 0);
    // Its object says for a while yet that it runs.
    if (loss == Loss::kPower && pod.process.running) {
      if (is_live(pod) && is_ready(pod)) ++losses_;
      end_process(pod);
    }
  }
}

/// The kubelet finds its containers as they are, and says so.
void World::return_node(const std::string& name) {
  Node& node = nodes_.at(name);
  if (node.kubelet) return;
  node.kubelet = true;
  node.cut_off = false;
  if (!node_ready(node.object)) node.ready_since = clock.steady();
  set_node_ready(node.object, "True");
  commit(node);
  for (auto& [pod_name, pod] : pods_) {
    if (kube::text_at(pod.object, "/spec/nodeName") != name || pod.process.running) continue;
    if (pod.object["status"].contains("containerStatuses")) set_container(pod, {{"terminated", Json::object()}}, false);
  }
}

void World::replace_node(const std::string& name) {
  std::vector<std::string> lost;
  for (auto& [pod_name, pod] : pods_) {
    if (kube::text_at(pod.object, "/spec/nodeName") != name) continue;
    waiting_ += std::exchange(pod.process.connections, 0);
    lost.push_back(pod_name);
  }
  for (const std::string& pod : lost) {
    if (is_live(pods_.at(pod))) ++losses_;
    pods_.erase(pod);
    tell_gone(Kind::kPod, pod);
  }
  nodes_.erase(name);
  tell_gone(Kind::kNode, name);
  add_node();
}

void World::run_node_controller(Node& node) {
  if (node.taint_at && clock.steady() >= *node.taint_at) {
    node.taint_at.reset();
    node.object["spec"]["taints"].push_back(
        {{"key", kCordonTaint}, {"effect", "NoSchedule"}, {"timeAdded", now_text()}});
    commit(node);
  }
  if (!node.kubelet && node_ready(node.object) && clock.steady() - node.away_since >= kNodeGrace) {
    set_node_ready(node.object, "Unknown");
    commit(node);
  }
}

/// What the node controller does with a pod whose kubelet is away.
void World::miss_kubelet(Pod& pod, const Node& node) {
  const auto away = clock.steady() - node.away_since;
  if (away >= kNodeGrace && is_ready(pod)) set_ready(pod, false);
  if (away >= kToleration) lose_pod(std::string(kube::name_of(pod.object)));
}

/// Any node that takes pods, rather one that no autoscaler wants to remove.
void World::schedule(Pod& pod) {
  std::vector<const Node*> free;
  for (const bool candidates : {false, true}) {
    for (const auto& [name, node] : nodes_) {
      const bool takes = !node.cordoned && node_ready(node.object);
      if (takes && has_taint(node.object, kCandidateTaint) == candidates) free.push_back(&node);
    }
    if (!free.empty()) break;
  }
  if (free.empty()) return;
  const Node& node = *free[random.below(free.size())];
  pod.object["spec"]["nodeName"] = std::string(kube::name_of(node.object));
  pod.process.starts_at = clock.steady() + Duration(200 + static_cast<int>(random.below(5'000)));
  commit(pod);
}

void World::run_kubelet(Pod& pod) {
  if (kube::text_at(pod.object, "/spec/nodeName").empty()) return schedule(pod);
  const Node* node = node_of(pod);
  if (node == nullptr || !node->kubelet) {
    if (node != nullptr) miss_kubelet(pod, *node);
    return;
  }
  Process& process = pod.process;
  const SteadyTime now = clock.steady();
  if (is_terminating(pod)) return;
  if (!process.running) {
    if (now < process.starts_at) return;
    process.running = true;
    process.ready_at = now + Duration(300 + static_cast<int>(random.below(2'000)));
    if (process.ends_early > 0) process.ends_at = now + Duration(500 + static_cast<int>(random.below(4'000)));
    return set_container(pod, {{"running", Json::object()}}, false);
  }
  if (process.ends_early > 0 && now >= process.ends_at) {
    const int left = process.ends_early - 1;
    crash(pod);
    process.ends_early = left;
    process.starts_at = now + Duration(10'000 + static_cast<int>(random.below(20'000)));
    return set_container(pod, {{"waiting", {{"reason", "CrashLoopBackOff"}}}}, false);
  }
  if (process.hung && now >= process.hung_until) process.hung = false;
  if (process.hung) {
    if (is_ready(pod) && now - process.hung_since >= kUnreadyAfter) set_ready(pod, false);
    if (now - process.hung_since >= kKilledAfter) crash(pod);
  } else if (!is_ready(pod) && now >= process.ready_at) {
    set_container(pod, {{"running", Json::object()}}, true);
  }
}

void World::set_ready(Pod& pod, bool ready) {
  if (is_ready(pod) == ready) return;
  if (!ready && is_live(pod)) ++losses_;
  Json& condition = pod.object["status"]["conditions"][0];
  condition["status"] = ready ? "True" : "False";
  condition["lastTransitionTime"] = now_text();
  commit(pod);
}

void World::set_container(Pod& pod, Json state, bool ready) {
  Json& status = pod.object["status"];
  Json& containers = status["containerStatuses"];
  const auto restarts = containers.is_array() ? kube::integer_at(containers[0], "/restartCount", 0) : 0;
  const bool starts = state.contains("running") && containers.is_array() && !containers[0]["state"].contains("running");
  const bool ran = containers.is_array();
  containers = Json::array({{{"name", kContainerName}, {"restartCount", restarts + (starts ? 1 : 0)}}});
  containers[0]["state"] = std::move(state);
  if (ran) containers[0]["lastState"] = {{"terminated", Json::object()}};
  status["phase"] = "Running";
  status["podIP"] = "10.0.0.1";
  if (is_ready(pod) != ready) return set_ready(pod, ready);
  commit(pod);
}

/// The process is gone, and with it what it held.
void World::end_process(Pod& pod) {
  waiting_ += pod.process.connections;
  Process ended;
  ended.reachable = pod.process.reachable;
  ended.gone_at = pod.process.gone_at;
  ended.ends_early = pod.process.ends_early;
  ended.starts_at = clock.steady() + Duration(500 + static_cast<int>(random.below(8'000)));
  pod.process = ended;
}

void World::crash(Pod& pod) {
  const Node* node = node_of(pod);
  if (!pod.process.running || node == nullptr) return;
  end_process(pod);
  if (node->kubelet) set_container(pod, {{"terminated", Json::object()}}, false);
}

void World::crash_often(Pod& pod, int times) {
  pod.process.ends_early = times;
  crash(pod);
}

void World::hang(Pod& pod, Duration time) {
  if (!pod.process.running || pod.process.hung) return;
  pod.process.hung = true;
  pod.process.hung_since = clock.steady();
  pod.process.hung_until = clock.steady() + time;
}

}  // namespace sluice::op::simulation
