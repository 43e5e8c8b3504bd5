// Pods and fleets for the tests of plan and status, in words: serving("b", 800) | draining(20s) | evicting(200).
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "operator/limits.h"
#include "operator/plan.h"

namespace sluice::op::testing {

/// 2026-11-23T12:00:00Z
inline const WallTime kNoon{std::chrono::seconds(1'795'435'200)};

inline GatewaySpec spec_of(int replicas) {
  GatewaySpec spec;
  spec.replicas = replicas;
  return spec;
}

/// A pod that has been serving for an hour, its state one second old.
inline PodView serving(const char* name, std::int64_t connections = 0) {
  PodView pod;
  pod.name = name;
  pod.uid = std::string("uid-") + name;
  pod.resource_version = "7";
  pod.revision = "new";
  pod.address = std::string(name) + ":9901";
  pod.created = kNoon - 1h;
  pod.ready = true;
  pod.ready_since = kNoon - 1h;
  pod.state = GatewayState{.connections = connections, .drain = std::nullopt};
  pod.state_age = 100ms;
  if (connections == 0) pod.empty_for = pod.state_age;
  return pod;
}

inline PodView operator|(PodView pod, const std::function<void(PodView&)>& change) {
  change(pod);
  return pod;
}

inline void pending(PodView& pod) {
  pod.container = ContainerState::kNeverStarted;
  pod.ready = false;
  pod.state.reset();
  pod.address.clear();
}
inline void unready(PodView& pod) {
  pod.ready = false;
}
inline void terminating(PodView& pod) {
  pod.terminating = true;
}
inline void old_revision(PodView& pod) {
  pod.revision = "old";
}
inline void failed(PodView& pod) {
  pod.finished = true;
  pod.ready = false;
  pod.container = ContainerState::kStopped;
}
inline void crashed(PodView& pod) {
  pod.ready = false;
  pod.container = ContainerState::kStopped;
}
inline void unreachable(PodView& pod) {
  pod.failure_age = 100ms;
}
inline void young(PodView& pod) {
  pod.created = kNoon - 3s;
  pod.ready_since = kNoon - 2s;
}
inline std::function<void(PodView&)> stale(Duration age) {
  return [age](PodView& pod) { pod.state_age = age; };
}

inline std::function<void(PodView&)> empty_for(Duration time) {
  return [time](PodView& pod) { pod.empty_for = time; };
}

/// No answer for `time`; the kubelet still says ready.
inline std::function<void(PodView&)> silent(Duration time, int polls = 3) {
  return [time, polls](PodView& pod) {
    pod.failure_age = 100ms;
    pod.failing_for = time;
    pod.failures = polls;
    pod.state_age = time + 1s;
  };
}
/// Connections are refused.
inline void refuses(PodView& pod) {
  silent(1s, 1)(pod);
  pod.refused = true;
}
/// In this phase for `since`, and out of the fleet for a minute longer.
inline std::function<void(PodView&)> out(HealthPhase phase, Duration since = 1s, int percent = 0) {
  return [=](PodView& pod) {
    pod.health_annotated = true;
    pod.health =
        HealthRecord{.since = kNoon - since - 1min, .phase = phase, .phase_since = kNoon - since, .percent = percent};
    pod.state_label = state_of(pod.health);
    pod.traffic_label = phase == HealthPhase::kGrayTraffic ? "on" : "off";
  };
}
inline std::function<void(PodView&)> probed(int successes, Duration ago = 5s) {
  return [=](PodView& pod) {
    pod.probe_successes = successes;
    pod.probed_ago = ago;
  };
}

/// Draining for `since`, as its annotation and labels say; the gateway knows nothing of it yet.
inline std::function<void(PodView&)> draining(Duration since, DrainReason reason = DrainReason::kScaleDown) {
  return [since, reason](PodView& pod) {
    pod.drain_annotated = true;
    pod.drain = DrainRecord{reason, kNoon - since, kNoon - since + 30min};
    pod.state_label = "draining";
    pod.traffic_label = "off";
  };
}
/// Being deleted since `since`, with a grace period of ten minutes.
inline std::function<void(PodView&)> deleted(Duration since) {
  return [since](PodView& pod) {
    pod.terminating = true;
    pod.grace = 10min;
    pod.killed_at = kNoon - since + pod.grace;
  };
}
/// Its gateway drains by itself, as SIGTERM tells it to.
inline std::function<void(PodView&)> by_itself(double rate) {
  return [rate](PodView& pod) {
    pod.state->drain = GatewayDrain{.started_at = pod.killed_at - pod.grace,
                                    .reason = kTerminatingReason,
                                    .deadline = pod.killed_at - pod.grace / 5,
                                    .initial = pod.state->connections,
                                    .remaining = pod.state->connections,
                                    .rate = rate};
    pod.rate_possible = rate;
  };
}
inline std::function<void(PodView&)> frozen(Duration since) {
  return [since](PodView& pod) { pod.drain->frozen_at = kNoon - since; };
}
/// The gateway has accepted the drain at `rate`.
inline std::function<void(PodView&)> evicting(double rate) {
  return [rate](PodView& pod) {
    pod.state->drain = GatewayDrain{.started_at = pod.drain->started_at,
                                    .reason = to_string(pod.drain->reason),
                                    .deadline = pod.drain->deadline,
                                    .initial = 800,
                                    .remaining = pod.state->connections,
                                    .rate = rate};
    pod.rate_possible = rate;
    pod.rate_recorded = rate;
    pod.ordered = DrainTerms{.reason = to_string(pod.drain->reason),
                             .deadline = pod.drain->deadline,
                             .close_code = GatewaySpec{}.drain.close_code,
                             .hint_jitter = GatewaySpec{}.drain.hint_jitter};
  };
}
/// So much may be granted to it, as its annotation says.
inline std::function<void(PodView&)> recorded(double rate) {
  return [rate](PodView& pod) { pod.rate_recorded = rate; };
}
/// A new leader has not heard from it yet.
inline void unheard(PodView& pod) {
  pod.state.reset();
  pod.empty_for.reset();
  pod.ordered.reset();
  pod.rate_possible = pod.rate_recorded;
}
/// Nothing says any more that the pod drains; its gateway may.
inline void not_draining(PodView& pod) {
  pod.drain_annotated = false;
  pod.drain.reset();
  pod.state_label = "active";
  pod.traffic_label = "on";
}

inline Observed fleet(std::vector<PodView> pods) {
  Observed seen;
  seen.ns = "default";
  seen.name = "edge";
  seen.uid = "owner";
  seen.finalized = true;
  seen.revision = "new";
  seen.choosing_for = kStateFresh;
  seen.pods = std::move(pods);
  return seen;
}
inline Observed operator|(Observed seen, const std::function<void(Observed&)>& change) {
  change(seen);
  return seen;
}
inline void deleting(Observed& seen) {
  seen.deleting = true;
}

/// The plan in words: "create 2, start b:ScaleDown, order c:200, delete a:drained".
inline std::string words(const Plan& plan) {
  std::string all;
  const auto say = [&all](const std::string& text) { all += (all.empty() ? "" : ", ") + text; };
  if (plan.add_finalizer) say("add finalizer");
  if (plan.remove_finalizer) say("remove finalizer");
  for (const auto& a : plan.remove) {
    say("delete " + a.pod.name + ":" + to_string(a.reason));
  }
  for (const auto& a : plan.cancel) say("take back " + a.pod.name + (a.tell_gateway ? " and tell it" : ""));
  for (const auto& a : plan.start) say("start " + a.pod.name + ":" + to_string(a.record.reason));
  for (const auto& a : plan.health) {
    say(a.pod.name + " " + (a.record ? to_string(a.record->phase) : "Active") +
        (a.record && a.record->percent > 0 ? ":" + std::to_string(a.record->percent) : std::string()));
  }
  for (const auto& a : plan.probes) say("probe " + a.ws_address.substr(0, a.ws_address.find(':')));
  for (const auto& a : plan.sheds) {
    say("shed " + a.pod.name + ":" + std::to_string(a.count) + "@" +
        std::to_string(static_cast<int>(a.rate_per_second)));
  }
  for (const auto& a : plan.unshed) say("unshed " + a.name);
  for (const auto& a : plan.relabel) {
    say("relabel " + a.pod.name + " " + a.state +
        (a.state != "draining" && a.state != "offline" && !a.traffic ? " off" : ""));
  }
  for (const auto& a : plan.rewrite) say((a.record.frozen_at ? "freeze " : "thaw ") + a.pod.name);
  for (const auto& a : plan.record_rates) {
    say("record " + a.pod.name + ":" + std::to_string(static_cast<int>(a.rate_per_second)));
  }
  for (const auto& a : plan.orders) {
    say("order " + a.pod.name + ":" + std::to_string(static_cast<int>(a.rate_per_second)));
  }
  for (const auto& a : plan.undrain) say("undrain " + a.name);
  const auto former =
      std::count_if(plan.create.begin(), plan.create.end(), [](const NewPod& pod) { return pod.revision != "new"; });
  if (!plan.create.empty()) {
    say("create " + std::to_string(plan.create.size()) +
        (former > 0 ? " (" + std::to_string(former) + " former)" : std::string()));
  }
  if (!plan.states_wanted.empty()) say("ask " + std::to_string(plan.states_wanted.size()));
  return all;
}

struct Row {
  const char* name;
  GatewaySpec spec;
  Observed seen;
  const char* plan;
};

}  // namespace sluice::op::testing
