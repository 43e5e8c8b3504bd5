// The part of the world that are gateways and their clients: what the admin API does, who connects where, and who goes
// at which rate.
#include <algorithm>
#include <cmath>
#include <utility>

#include "operator/names.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {
namespace {

/// Endpoints follow a label within this.
constexpr Duration kEndpointLag{2'000};
/// A gateway's rate of arrivals is the mean of about so long.
constexpr double kArrivalsSeconds = 5;

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Pod* World::process_of(const std::string& uid) {
  for (auto& [name, pod] : pods_) {
    if (kube::uid_of(pod.object) != uid) continue;
    const bool answers = pod.process.running && pod.process.reachable && !pod.process.hung && !is_cut_off(pod);
    return answers ? &pod : nullptr;
  }
  return nullptr;
}

const Pod* World::find_by_uid(const std::string& uid) const {
  const auto found = std::find_if(pods_.begin(), pods_.end(),
                                  [&](const auto& entry) { return kube::uid_of(entry.second.object) == uid; });
  return found == pods_.end() ? nullptr : &found->second;
}

bool World::is_bad(const std::string& revision) const {
  const auto found =
      std::find_if(revisions_.begin(), revisions_.end(), [&](const Revision& one) { return one.hash == revision; });
  return found != revisions_.end() && kube::text_at(found->pod_template, "/metadata/labels/v") == kBadVersion;
}

std::int64_t World::clients() const {
  std::int64_t all = waiting_;
  for (const auto& [name, pod] : pods_) all += pod.process.connections;
  return all;
}

std::optional<GatewayState> World::state_of(const std::string& uid) {
  const Pod* pod = process_of(uid);
  if (pod == nullptr) return std::nullopt;
  const Process& process = pod->process;
  GatewayState state;
  state.connections = process.connections;
  state.drain = process.drain;
  if (state.drain) state.drain->remaining = state.connections;
  state.shed = process.shed;
  state.handshake_p99_seconds = handshake_seconds_;
  state.accepted_per_second = process.accepted_per_second;
  state.opened = process.opened;
  state.totals = process.totals;
  return state;
}

bool World::answers_probe(const std::string& uid) const {
  const Pod* pod = find_by_uid(uid);
  return pod != nullptr && pod->process.running && pod->process.reachable && !pod->process.hung && !is_cut_off(*pod) &&
         clock.steady() >= pod->process.ready_at;
}

std::optional<GatewayState> World::order_drain(const std::string& uid, const std::string& reason, WallTime deadline,
                                               double rate) {
  Pod* pod = process_of(uid);
  if (pod == nullptr) return std::nullopt;
  Process& process = pod->process;
  if (!process.drain) {
    process.drain = GatewayDrain{.started_at = clock.wall(),
                                 .reason = reason,
                                 .deadline = deadline,
                                 .initial = process.connections,
                                 .remaining = process.connections,
                                 .rate = rate};
    process.tokens = 0;
    process.shed.reset();
  }
  process.drain->rate = rate;
  // A terminating gateway goes no further than its grace period.
  const bool terminating = is_terminating(*pod);
  process.drain->deadline = terminating ? std::min(process.drain->deadline, deadline) : deadline;
  return state_of(uid);
}

std::optional<GatewayState> World::end_drain(const std::string& uid) {
  Pod* pod = process_of(uid);
  if (pod == nullptr) return std::nullopt;
  if (!is_terminating(*pod)) pod->process.drain.reset();
  return state_of(uid);
}

std::optional<GatewayState> World::order_shed(const std::string& uid, const std::string& id, std::int64_t count,
                                              double rate) {
  Pod* pod = process_of(uid);
  if (pod == nullptr || pod->process.drain) return std::nullopt;
  auto& shed = pod->process.shed;
  if (!shed || shed->id != id) {
    const std::int64_t found = std::min(count, pod->process.connections);
    shed = GatewayShed{.id = id, .initial = found, .remaining = found};
  }
  shed->rate = rate;
  return state_of(uid);
}

std::optional<GatewayState> World::end_shed(const std::string& uid) {
  Pod* pod = process_of(uid);
  if (pod == nullptr) return std::nullopt;
  pod->process.shed.reset();
  return state_of(uid);
}

/// Half of the closes of a bad revision are unclean.
void World::close(Pod& pod, std::int64_t connections) {
  Process& process = pod.process;
  process.connections -= connections;
  const bool bad = kube::label_of(pod.object, "v") == kBadVersion;
  process.totals.closes_abnormal += bad ? (connections + 1) / 2 : 0;
  process.totals.closes_clean += bad ? connections / 2 : connections;
}

void World::leave(std::int64_t clients) {
  const std::int64_t idle = std::min(clients, waiting_);
  waiting_ -= idle;
  clients -= idle;
  if (pods_.empty()) return;
  // From all pods alike, and the rest from whoever has it.
  const std::int64_t each = clients / static_cast<std::int64_t>(pods_.size()) + 1;
  for (const std::int64_t most : {each, clients}) {
    for (auto& [name, pod] : pods_) {
      const std::int64_t gone = std::min({clients, most, pod.process.connections});
      close(pod, gone);
      clients -= gone;
    }
  }
}

void World::release(Pod& pod, Duration time) {
  Process& process = pod.process;
  if (!process.running || process.hung) return;
  if (process.drain) process.shed.reset();
  if (process.shed) {
    process.tokens += process.shed->rate * seconds(time);
    const auto released = std::min<std::int64_t>(std::min(process.connections, process.shed->remaining),
                                                 static_cast<std::int64_t>(process.tokens));
    process.tokens -= static_cast<double>(released);
    process.shed->remaining -= released;
    close(pod, released);
    waiting_ += released;
  }
  if (!process.drain) return;
  if (clock.wall() >= process.drain->deadline) {
    waiting_ += std::exchange(process.connections, 0);
    return;
  }
  process.tokens += process.drain->rate * seconds(time);
  const auto released = std::min<std::int64_t>(process.connections, static_cast<std::int64_t>(process.tokens));
  process.tokens -= static_cast<double>(released);
  close(pod, released);
  waiting_ += released;
}

/// Each client without a connection tries one pod that it finds behind the Service.
void World::connect_waiting(Duration time) {
  std::vector<Pod*> endpoints;
  const double kept = std::exp(-seconds(time) / kArrivalsSeconds);
  for (auto& [name, pod] : pods_) {
    pod.process.accepted_per_second *= kept;
    if (!runs(pod) || !is_ready(pod) || is_terminating(pod) || is_cut_off(pod)) continue;
    const bool on = kube::label_of(pod.object, kTrafficLabel) == "on";
    if (on || clock.steady() - pod.left_endpoints_at < kEndpointLag) endpoints.push_back(&pod);
  }
  if (endpoints.empty()) return;
  const std::int64_t each = waiting_ / static_cast<std::int64_t>(endpoints.size());
  std::int64_t rest = waiting_ % static_cast<std::int64_t>(endpoints.size());
  const std::size_t first = random.below(endpoints.size());
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    Pod& pod = *endpoints[(first + i) % endpoints.size()];
    Process& process = pod.process;
    std::int64_t come = each + (rest > 0 ? 1 : 0);
    if (rest > 0) --rest;
    if (process.drain || process.hung) continue;  // 503, or nothing at all: they try again.
    if (kube::label_of(pod.object, "v") == kBadVersion) {
      process.failing += static_cast<double>(come) / 2;
      const auto failed = static_cast<std::int64_t>(process.failing);
      process.failing -= static_cast<double>(failed);
      process.totals.handshakes_failed += failed;
      come -= failed;
    }
    process.totals.handshakes_ok += come;
    process.opened += come;
    process.connections += come;
    process.accepted_per_second += static_cast<double>(come) / kArrivalsSeconds;
    waiting_ -= come;
  }
}

}  // namespace sluice::op::simulation
