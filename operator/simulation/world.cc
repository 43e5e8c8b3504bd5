#include "operator/simulation/world.h"

#include <algorithm>

#include "common/base/duration_text.h"
#include "operator/names.h"

namespace sluice::op::simulation {
namespace {

using kube::Json;

constexpr Duration kGrace{30'000};
constexpr int kNodes = 4;

Error conflict(const std::string& what) {
  return {ErrorCode::kConflict, what};
}
Error not_found(const std::string& name) {
  return {ErrorCode::kNotFound, "pod " + name};
}

void merge(Json& into, const Json& patch) {
  if (patch.is_null()) return;
  if (!into.is_object()) into = Json::object();
  into.merge_patch(patch);
}

}  // namespace

bool is_terminating(const Pod& pod) {
  return kube::is_deleting(pod.object);
}
bool is_draining(const Pod& pod) {
  return !kube::annotation_of(pod.object, kDrainAnnotation).empty();
}
bool is_ready(const Pod& pod) {
  return kube::text_at(pod.object, "/status/conditions/0/status") == "True";
}

World::World(std::uint64_t seed) : random(seed) {
  gateway_ = Json::parse(R"({"apiVersion":"sluice.dev/v1alpha1","kind":"RealtimeGateway",
      "metadata":{"name":"edge","namespace":"live","uid":"owner","resourceVersion":"1","generation":1},
      "spec":{"replicas":3,"minReadySeconds":1,"template":{},
              "capacity":{"connectionsPerPod":1000},
              "reconnectBudget":{"perSecondPerReceiver":20,"perSecondMax":100},
              "drain":{"propagationDelay":"3s","hintJitter":"1s","timeout":"90s","reverseHold":"5s"},
              "healing":{"observe":"8s","timeout":"5s","replaceAfter":"60s"}}})");
  spec_ = std::make_shared<const GatewaySpec>(parse_spec(gateway_));
  has_evictions_ = random.unit() < 0.5;
  for (int i = 0; i < kNodes; ++i) add_node();
}

std::string World::now_text() const {
  return format_rfc3339(clock.wall());
}

Result<Json> World::patch_pod(const std::string& name, const std::string& version, const Json& labels,
                              const Json& annotations) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return not_found(name);
  Pod& pod = found->second;
  if (!version.empty() && version != kube::resource_version_of(pod.object)) return conflict("the pod has changed");
  const bool traffic_before = kube::label_of(pod.object, kTrafficLabel) == "on";
  Json& metadata = pod.object["metadata"];
  const Json before = metadata;
  merge(metadata["labels"], labels);
  merge(metadata["annotations"], annotations);
  if (metadata == before) return pod.object;
  if (traffic_before && kube::label_of(pod.object, kTrafficLabel) != "on") pod.left_endpoints_at = clock.steady();
  commit(pod);
  return pod.object;
}

Result<Json> World::create_pod(const Json& object) {
  const std::string name(kube::name_of(object));
  if (pods_.contains(name)) return conflict("a pod of that name exists");
  Pod& pod = pods_[name];
  pod.object = object;
  Json& metadata = pod.object["metadata"];
  metadata["uid"] = "uid-" + std::to_string(++uids_);
  metadata["creationTimestamp"] = now_text();
  pod.object["status"] = {{"phase", "Pending"},
                          {"conditions", Json::array({{{"type", "Ready"}, {"status", "False"}}})}};
  commit(pod);
  return pod.object;
}

Result<Json> World::delete_pod(const std::string& name, const std::string& uid, const std::string& version) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return not_found(name);
  const Pod& pod = found->second;
  if (!uid.empty() && uid != kube::uid_of(pod.object)) return conflict("another pod has the name");
  if (!version.empty() && version != kube::resource_version_of(pod.object)) return conflict("the pod has changed");
  return terminate(name);
}

/// A kubelet that is there ends at once what does not run; one that is away says nothing.
Result<Json> World::terminate(const std::string& name) {
  const auto found = pods_.find(name);
  Pod& pod = found->second;
  if (is_terminating(pod)) return pod.object;
  const Node* node = node_of(pod);
  if (!pod.process.running && (node == nullptr || node->kubelet)) {
    const Json object = pod.object;
    pods_.erase(found);
    tell_gone(Kind::kPod, name);
    return object;
  }
  pod.object["metadata"]["deletionTimestamp"] = format_rfc3339(clock.wall() + kGrace);
  pod.object["metadata"]["deletionGracePeriodSeconds"] =
      std::chrono::duration_cast<std::chrono::seconds>(kGrace).count();
  pod.process.gone_at = clock.steady() + kGrace;
  if (pod.process.running &&
      !pod.process.drain) {  // The gateway's own drain at SIGTERM, over most of the grace period.
    pod.process.drain = GatewayDrain{.started_at = clock.wall(),
                                     .reason = "Terminating",
                                     .deadline = clock.wall() + kGrace,
                                     .initial = pod.process.connections,
                                     .remaining = pod.process.connections,
                                     .rate = static_cast<double>(pod.process.connections) / 24.0};
  }
  commit(pod);
  return pod.object;
}

void World::edit_pod(const std::string& name, const Json& labels, const Json& annotations) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return;
  const auto in_endpoints = [&] { return kube::label_of(found->second.object, kTrafficLabel) == "on"; };
  const bool before = in_endpoints();
  (void)patch_pod(name, "", labels, annotations);
  if (before && !in_endpoints()) ++losses_;
}

void World::lose_pod(const std::string& name) {
  const auto found = pods_.find(name);
  if (found == pods_.end() || is_terminating(found->second)) return;
  if (is_live(found->second)) ++losses_;
  (void)terminate(name);
}

Result<Json> World::get_pod(const std::string& name) const {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return not_found(name);
  return found->second.object;
}

void World::write_status(const Json& status) {
  if (kube::at_pointer(gateway_, "/status") == status) return;
  gateway_["status"] = status;
  commit_gateway();
}

Status World::write_finalizers(const std::string& version, const Json& finalizers) {
  if (version != kube::resource_version_of(gateway_)) return conflict("the gateway has changed");
  gateway_["metadata"]["finalizers"] = finalizers;
  commit_gateway();
  return Status::success();
}

Status World::drop_promotion(const std::string& version) {
  if (version != kube::resource_version_of(gateway_)) return conflict("the gateway has changed");
  gateway_["metadata"]["annotations"].erase(kPromoteAnnotation);
  commit_gateway();
  return Status::success();
}

void World::promote(const std::string& step) {
  gateway_["metadata"]["annotations"][kPromoteAnnotation] = step;
  commit_gateway();
}

void World::write_spec(const Json& merge_patch) {
  gateway_["spec"].merge_patch(merge_patch);
  gateway_["metadata"]["generation"] = kube::integer_at(gateway_, "/metadata/generation", 0) + 1;
  spec_ = std::make_shared<const GatewaySpec>(parse_spec(gateway_));
  commit_gateway();
}

void World::delete_gateway() {
  if (kube::is_deleting(gateway_)) return;
  gateway_["metadata"]["deletionTimestamp"] = now_text();
  commit_gateway();
}

bool World::is_gone() const {
  return kube::is_deleting(gateway_) && kube::at_pointer(gateway_, "/metadata/finalizers").empty();
}

void World::commit(Pod& pod) {
  pod.object["metadata"]["resourceVersion"] = std::to_string(++version_);
  changes_.push_back({version_, Kind::kPod, std::string(kube::name_of(pod.object)),
                      std::make_shared<const Json>(pod.object), clock.steady()});
}

void World::commit(Node& node) {
  node.object["metadata"]["resourceVersion"] = std::to_string(++version_);
  changes_.push_back({version_, Kind::kNode, std::string(kube::name_of(node.object)),
                      std::make_shared<const Json>(node.object), clock.steady()});
}

void World::commit(EvictionRequest& eviction) {
  eviction.object["metadata"]["resourceVersion"] = std::to_string(++version_);
  changes_.push_back({version_, Kind::kEviction, std::string(kube::name_of(eviction.object)),
                      std::make_shared<const Json>(eviction.object), clock.steady()});
}

void World::commit_gateway() {
  gateway_["metadata"]["resourceVersion"] = std::to_string(++version_);
  changes_.push_back({version_, Kind::kGateway, kGatewayName, std::make_shared<const Json>(gateway_), clock.steady()});
}

void World::tell_gone(Kind kind, const std::string& name) {
  changes_.push_back({++version_, kind, name, nullptr, clock.steady()});
}

void World::forget_changes_before(std::int64_t index) {
  while (first_change_ < index && !changes_.empty()) {
    changes_.pop_front();
    ++first_change_;
  }
}

std::string World::describe() const {
  std::string text = format_rfc3339(clock.wall()) + ", " + std::to_string(waiting_) + " clients wait\nspec " +
                     gateway_["spec"].dump() + "\nannotations " +
                     kube::at_pointer(gateway_, "/metadata/annotations").dump() + "\nstatus " +
                     kube::at_pointer(gateway_, "/status").dump();
  for (const auto& [name, node] : nodes_) {
    text += "\n" + name + " " + node.object["spec"].dump() + (node.kubelet ? "" : " kubelet away") +
            (node.cut_off ? " cut off" : "") + (node.kubectl_drains ? " kubectl drains" : "");
  }
  for (const auto& [name, eviction] : evictions_) text += "\n" + name + " " + eviction.object.dump();
  for (const auto& [name, pod] : pods_) {
    const Process& process = pod.process;
    text += "\n" + name + " on " + kube::text_at(pod.object, "/spec/nodeName") + " " +
            kube::at_pointer(pod.object, "/metadata/labels").dump() + " " +
            kube::at_pointer(pod.object, "/metadata/annotations").dump() + " " +
            kube::at_pointer(pod.object, "/status/containerStatuses").dump() +
            (is_terminating(pod) ? " terminating" : "") + (is_ready(pod) ? " ready" : "") +
            (process.running ? " running" : "") + (process.hung ? " hung" : "") +
            (process.reachable ? "" : " unreachable") + (process.drain ? " drains" : "") +
            (process.shed ? " sheds" : "") + " connections " + std::to_string(process.connections);
  }
  return text;
}

void World::advance(Duration time) {
  clock.advance(time);
  for (auto& [name, node] : nodes_) run_node_controller(node);
  for (auto it = pods_.begin(); it != pods_.end();) {
    Pod& pod = it->second;
    release(pod, time);
    const Node* node = node_of(pod);
    const bool ends = !pod.process.running || pod.process.connections == 0 || clock.steady() >= pod.process.gone_at;
    if (is_terminating(pod) && ends && (node == nullptr || node->kubelet)) {
      waiting_ += pod.process.connections;
      const std::string name = it->first;
      it = pods_.erase(it);
      tell_gone(Kind::kPod, name);
      continue;
    }
    run_kubelet(pod);
    ++it;
  }
  run_kubectl_drains();
  run_eviction_controller();
  connect_waiting(time);
}

}  // namespace sluice::op::simulation
