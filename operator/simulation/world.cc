#include "operator/simulation/world.h"

#include <algorithm>
#include <cmath>

#include "common/base/duration_text.h"
#include "operator/names.h"

namespace sluice::op::simulation {
namespace {

using kube::Json;

/// Endpoints follow a label within this.
constexpr Duration kEndpointLag{2'000};
constexpr Duration kGrace{30'000};

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
              "drain":{"propagationDelay":"3s","hintJitter":"1s","timeout":"90s","reverseHold":"5s"}}})");
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
  metadata["creationTimestamp"] = format_rfc3339(clock.wall());
  pod.object["spec"]["nodeName"] = "node-" + std::to_string(uids_ % 4);
  pod.object["status"] = {{"phase", "Pending"},
                          {"conditions", Json::array({{{"type", "Ready"}, {"status", "False"}}})}};
  pod.process.starts_at = clock.steady() + Duration(200 + static_cast<int>(random.below(5'000)));
  commit(pod);
  return pod.object;
}

Result<Json> World::delete_pod(const std::string& name, const std::string& uid, const std::string& version) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return not_found(name);
  Pod& pod = found->second;
  if (!uid.empty() && uid != kube::uid_of(pod.object)) return conflict("another pod has the name");
  if (!version.empty() && version != kube::resource_version_of(pod.object)) return conflict("the pod has changed");
  if (is_terminating(pod)) return pod.object;
  if (!pod.process.running) {
    const Json object = pod.object;
    waiting_ += pod.process.connections;
    pods_.erase(found);
    changes_.push_back({++version_, name, nullptr, clock.steady()});
    return object;
  }
  pod.object["metadata"]["deletionTimestamp"] = format_rfc3339(clock.wall() + kGrace);
  pod.process.gone_at = clock.steady() + kGrace;
  if (!pod.process.drain) {  // The gateway's own drain at SIGTERM, over most of the grace period.
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

void World::write_finalizers(const Json& finalizers) {
  gateway_["metadata"]["finalizers"] = finalizers;
  commit_gateway();
}

void World::write_spec(const Json& merge_patch) {
  gateway_["spec"].merge_patch(merge_patch);
  gateway_["metadata"]["generation"] = kube::integer_at(gateway_, "/metadata/generation", 0) + 1;
  commit_gateway();
}

void World::commit(Pod& pod) {
  pod.object["metadata"]["resourceVersion"] = std::to_string(++version_);
  changes_.push_back(
      {version_, std::string(kube::name_of(pod.object)), std::make_shared<const Json>(pod.object), clock.steady()});
}

void World::commit_gateway() {
  gateway_["metadata"]["resourceVersion"] = std::to_string(++version_);
  changes_.push_back({version_, "", std::make_shared<const Json>(gateway_), clock.steady()});
}

void World::forget_changes_before(std::int64_t index) {
  while (first_change_ < index && !changes_.empty()) {
    changes_.pop_front();
    ++first_change_;
  }
}

std::string World::describe() const {
  std::string text = format_rfc3339(clock.wall()) + ", " + std::to_string(waiting_) + " clients wait\nspec " +
                     gateway_["spec"].dump() + "\nstatus " + kube::at_pointer(gateway_, "/status").dump();
  for (const auto& [name, pod] : pods_) {
    text += "\n" + name + " " + kube::at_pointer(pod.object, "/metadata/labels").dump() + " " +
            kube::at_pointer(pod.object, "/metadata/annotations").dump() + (is_terminating(pod) ? " terminating" : "") +
            (is_ready(pod) ? " ready" : "") + (pod.process.running ? " running" : "") +
            (pod.process.drain ? " drains" : "") + " connections " + std::to_string(pod.process.connections);
  }
  return text;
}

Pod* World::find_by_uid(const std::string& uid) {
  const auto found = std::find_if(pods_.begin(), pods_.end(),
                                  [&](const auto& entry) { return kube::uid_of(entry.second.object) == uid; });
  return found == pods_.end() ? nullptr : &found->second;
}

std::optional<GatewayState> World::state_of(const std::string& uid) {
  const Pod* pod = find_by_uid(uid);
  if (pod == nullptr || !pod->process.running) return std::nullopt;
  GatewayState state;
  state.connections = pod->process.connections;
  state.drain = pod->process.drain;
  if (state.drain) state.drain->remaining = state.connections;
  state.shed = pod->process.shed;
  if (state.shed) state.shed->rate = 0;  // As the gateway, which does not say.
  state.handshake_p99_seconds = 0.01;
  return state;
}

std::optional<GatewayState> World::order_drain(const std::string& uid, const std::string& reason, WallTime deadline,
                                               double rate) {
  Pod* pod = find_by_uid(uid);
  if (pod == nullptr || !pod->process.running) return std::nullopt;
  Process& process = pod->process;
  if (!process.drain) {
    process.drain = GatewayDrain{.started_at = clock.wall(),
                                 .reason = reason,
                                 .deadline = deadline,
                                 .initial = process.connections,
                                 .remaining = process.connections,
                                 .rate = rate};
    process.tokens = 0;
  }
  process.drain->rate = rate;
  // A terminating gateway goes no further than its grace period.
  const bool terminating = is_terminating(*pod);
  process.drain->deadline = terminating ? std::min(process.drain->deadline, deadline) : deadline;
  return state_of(uid);
}

std::optional<GatewayState> World::end_drain(const std::string& uid) {
  Pod* pod = find_by_uid(uid);
  if (pod == nullptr || !pod->process.running) return std::nullopt;
  if (!is_terminating(*pod)) pod->process.drain.reset();
  return state_of(uid);
}

std::optional<GatewayState> World::order_shed(const std::string& uid, const std::string& id, std::int64_t count,
                                              double rate) {
  Pod* pod = find_by_uid(uid);
  if (pod == nullptr || !pod->process.running || pod->process.drain) return std::nullopt;
  auto& shed = pod->process.shed;
  if (!shed || shed->id != id) {
    const std::int64_t found = std::min(count, pod->process.connections);
    shed = GatewayShed{.id = id, .initial = found, .remaining = found};
  }
  shed->rate = rate;
  return state_of(uid);
}

std::optional<GatewayState> World::end_shed(const std::string& uid) {
  Pod* pod = find_by_uid(uid);
  if (pod == nullptr || !pod->process.running) return std::nullopt;
  pod->process.shed.reset();
  return state_of(uid);
}

void World::set_container(Pod& pod, const char* state, bool ready) {
  Json& status = pod.object["status"];
  const bool was_ready = is_ready(pod);
  Json& containers = status["containerStatuses"];
  const auto restarts = containers.is_array() ? kube::integer_at(containers[0], "/restartCount", 0) : 0;
  const bool starts =
      std::string_view(state) == "running" && containers.is_array() && !containers[0]["state"].contains("running");
  containers = Json::array(
      {{{"name", "gateway"}, {"restartCount", restarts + (starts ? 1 : 0)}, {"state", {{state, Json::object()}}}}});
  status["phase"] = "Running";
  status["podIP"] = "10.0.0.1";
  Json& condition = status["conditions"][0];
  condition["status"] = ready ? "True" : "False";
  if (ready != was_ready) condition["lastTransitionTime"] = format_rfc3339(clock.wall());
  commit(pod);
}

void World::crash(Pod& pod) {
  if (!pod.process.running) return;
  waiting_ += pod.process.connections;
  const bool reachable = pod.process.reachable;
  const SteadyTime gone_at = pod.process.gone_at;
  pod.process = {};
  pod.process.reachable = reachable;
  pod.process.gone_at = gone_at;
  pod.process.starts_at = clock.steady() + Duration(500 + static_cast<int>(random.below(8'000)));
  set_container(pod, "terminated", false);
}

void World::restart_later(Pod& pod, Duration after) {
  pod.process.starts_at = clock.steady() + after;
}

void World::leave(std::int64_t clients) {
  for (auto& [name, pod] : pods_) {
    const std::int64_t gone = std::min(clients, pod.process.connections);
    pod.process.connections -= gone;
    clients -= gone;
  }
}

void World::run_kubelet(Pod& pod) {
  Process& process = pod.process;
  if (!process.running && clock.steady() >= process.starts_at && !is_terminating(pod)) {
    process.running = true;
    process.ready_at = clock.steady() + Duration(300 + static_cast<int>(random.below(2'000)));
    set_container(pod, "running", false);
  } else if (process.running && !is_ready(pod) && clock.steady() >= process.ready_at && !is_terminating(pod)) {
    set_container(pod, "running", true);
  }
}

void World::release(Pod& pod, Duration time) {
  Process& process = pod.process;
  if (!process.running) return;
  if (process.drain) process.shed.reset();
  if (process.shed) {
    process.tokens += process.shed->rate * std::chrono::duration<double>(time).count();
    const auto released = std::min<std::int64_t>(std::min(process.connections, process.shed->remaining),
                                                 static_cast<std::int64_t>(process.tokens));
    process.tokens -= static_cast<double>(released);
    process.connections -= released;
    process.shed->remaining -= released;
    waiting_ += released;
  }
  if (!process.drain) return;
  if (clock.wall() >= process.drain->deadline) {
    waiting_ += std::exchange(process.connections, 0);
    return;
  }
  process.tokens += process.drain->rate * std::chrono::duration<double>(time).count();
  const auto released = std::min<std::int64_t>(process.connections, static_cast<std::int64_t>(process.tokens));
  process.tokens -= static_cast<double>(released);
  process.connections -= released;
  waiting_ += released;
}

/// Each client without a connection tries one pod that it finds behind the Service.
void World::connect_waiting() {
  std::vector<Pod*> endpoints;
  for (auto& [name, pod] : pods_) {
    if (!runs(pod) || !is_ready(pod) || is_terminating(pod)) continue;
    const bool on = kube::label_of(pod.object, kTrafficLabel) == "on";
    if (on || clock.steady() - pod.left_endpoints_at < kEndpointLag) endpoints.push_back(&pod);
  }
  if (endpoints.empty()) return;
  const std::int64_t each = waiting_ / static_cast<std::int64_t>(endpoints.size());
  std::int64_t rest = waiting_ % static_cast<std::int64_t>(endpoints.size());
  const std::size_t first = random.below(endpoints.size());
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    Process& process = endpoints[(first + i) % endpoints.size()]->process;
    const std::int64_t come = each + (rest > 0 ? 1 : 0);
    if (rest > 0) --rest;
    if (process.drain) continue;  // 503: they try again.
    process.connections += come;
    waiting_ -= come;
  }
}

void World::advance(Duration time) {
  clock.advance(time);
  for (auto it = pods_.begin(); it != pods_.end();) {
    Pod& pod = it->second;
    release(pod, time);
    const bool ends = is_terminating(pod) && (pod.process.connections == 0 || clock.steady() >= pod.process.gone_at);
    if (ends || (is_terminating(pod) && !pod.process.running)) {
      waiting_ += pod.process.connections;
      changes_.push_back({++version_, it->first, nullptr, clock.steady()});
      it = pods_.erase(it);
      continue;
    }
    run_kubelet(pod);
    ++it;
  }
  connect_waiting();
}

}  // namespace sluice::op::simulation
