// The part of the world that wants pods to go: the eviction API under its disruption budgets, kubectl drain, which asks
// it again and again, and Evictions of lifecycle.k8s.io with the controller that gives each responder its turn.
// Source: k8s.io/kubernetes, pkg/registry/core/pod/storage/eviction.go and pkg/controller/disruption.
#include <algorithm>

#include "common/base/duration_text.h"
#include "operator/eviction.h"
#include "operator/names.h"
#include "operator/render.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {
namespace {

using kube::Json;

/// kubectl drain, and the responder that evicts, ask again after it.
constexpr Duration kAskAgain{5'000};
/// A responder that says nothing for so long has lost its turn.
constexpr Duration kResponderTimeout{1'200'000};

bool selects(const Json& selector, const Json& pod) {
  for (const auto& [label, value] : selector["matchLabels"].items()) {
    if (kube::label_of(pod, label) != value.get<std::string>()) return false;
  }
  if (!selector.contains("matchExpressions")) return true;
  return std::all_of(selector["matchExpressions"].begin(), selector["matchExpressions"].end(), [&](const Json& one) {
    const Json& values = one["values"];
    const std::string label(kube::label_of(pod, one["key"].get<std::string>()));
    return std::find(values.begin(), values.end(), label) != values.end();
  });
}

/// Whether a budget that selects the pod lets it go, as the disruption controller reckons an integer of `minAvailable`.
bool allows(const Json& spec, const std::map<std::string, Pod>& pods, const Pod& victim) {
  const auto healthy = std::count_if(pods.begin(), pods.end(), [&](const auto& entry) {
    return selects(spec["selector"], entry.second.object) && is_ready(entry.second) && !is_terminating(entry.second);
  });
  const int wanted = spec["minAvailable"].get<int>();
  // unhealthyPodEvictionPolicy IfHealthyBudget: what is not ready counts for nobody.
  return is_ready(victim) ? healthy > wanted : wanted > 0 && healthy >= wanted;
}

}  // namespace

bool World::evict(const std::string& name) {
  const auto found = pods_.find(name);
  if (found == pods_.end() || is_terminating(found->second)) return true;
  const Pod& pod = found->second;
  if (kube::text_at(pod.object, "/status/phase") != "Pending") {
    for (const Json& budget : {render_pdb(gateway_), render_draining_pdb(gateway_)}) {
      const Json& spec = budget["spec"];
      if (selects(spec["selector"], pod.object) && !allows(spec, pods_, pod)) return false;
    }
  }
  if (last_word_) last_word_(pod);
  ++evicted_;
  lose_pod(name);
  return true;
}

void World::run_kubectl_drains() {
  for (auto& [node_name, node] : nodes_) {
    if (!node.kubectl_drains || clock.steady() < node.next_eviction) continue;
    node.next_eviction = clock.steady() + kAskAgain;
    std::vector<std::string> here;
    for (const auto& [name, pod] : pods_) {
      if (kube::text_at(pod.object, "/spec/nodeName") == node_name) here.push_back(name);
    }
    for (const std::string& name : here) (void)evict(name);
    if (here.empty()) node.kubectl_drains = false;
  }
}

void World::ask_eviction(const std::string& pod_name) {
  const auto pod = pods_.find(pod_name);
  if (!has_evictions_ || pod == pods_.end()) return;
  const std::string uid(kube::uid_of(pod->second.object));
  const std::string name = "evict-" + uid;
  if (evictions_.contains(name)) return;
  EvictionRequest& eviction = evictions_[name];
  eviction.heard_at = clock.steady();
  eviction.object = {{"apiVersion", kEvictions.api_version()},
                     {"kind", kEvictions.kind},
                     {"metadata", {{"name", name}, {"namespace", kNamespace}, {"uid", "uid-" + name}}},
                     {"spec", {{"target", {{"pod", {{"name", pod_name}, {"uid", uid}}}}}}},
                     {"status",
                      {{"requesters", Json::array({{{"name", "somebody"}, {"intent", "Eviction"}}})},
                       {"targetResponders", Json::array({{{"name", kEvictionResponder}, {"state", "Active"}}})}}}};
  commit(eviction);
}

void World::withdraw_eviction(const std::string& name) {
  const auto found = evictions_.find(name);
  if (found == evictions_.end()) return;
  found->second.object["status"]["requesters"][0]["intent"] = "Withdrawn";
  commit(found->second);
}

Status World::report_eviction(const std::string& name, const Json& responder) {
  const auto found = evictions_.find(name);
  if (found == evictions_.end()) return Error{ErrorCode::kNotFound, "eviction " + name};
  EvictionRequest& eviction = found->second;
  eviction.heard_at = clock.steady();
  eviction.object["status"]["responders"] = Json::array({responder});
  commit(eviction);
  return Status::success();
}

/// One responder after the other has its turn; the last one evicts.
void World::run_eviction_controller() {
  for (auto it = evictions_.begin(); it != evictions_.end();) {
    EvictionRequest& eviction = it->second;
    const EvictionView view = view_eviction(eviction.object);
    const bool target_gone = find_by_uid(view.pod_uid) == nullptr;
    if (target_gone || (view.withdrawn && (view.completed || !view.active))) {
      const std::string name = it->first;
      it = evictions_.erase(it);
      tell_gone(Kind::kEviction, name);
      continue;
    }
    Json& state = eviction.object["status"]["targetResponders"][0]["state"];
    if (view.active && (view.completed || clock.steady() - eviction.heard_at >= kResponderTimeout)) {
      state = view.completed ? "Completed" : "Interrupted";
      commit(eviction);
    } else if (!view.active && !view.withdrawn && clock.steady() >= eviction.next_eviction) {
      eviction.next_eviction = clock.steady() + kAskAgain;
      (void)evict(view.pod_name);
    }
    ++it;
  }
}

}  // namespace sluice::op::simulation
