// Objects of a small fleet for the tests.
#pragma once

#include <memory>
#include <string>

#include "cli/fleet.h"
#include "common/kube/resource.h"

namespace sluice::cli::testing {

/// 2026-11-23T12:00:00Z
inline const WallTime kNoon{std::chrono::seconds(1'795'435'200)};

inline kube::Json gateway() {
  return kube::Json::parse(R"json({
    "metadata": {"namespace": "prod", "name": "edge", "uid": "g", "resourceVersion": "7", "generation": 3},
    "spec": {"replicas": 3, "drain": {"propagationDelay": "15s"}, "template": {"spec": {"containers": []}}},
    "status": {"observedGeneration": 3, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 2, "drainingReplicas": 1,
      "currentRevision": "old", "updateRevision": "new", "connections": {"summary": "9k"},
      "rollout": {"revision": "new", "phase": "Holding", "step": 2, "steps": 3, "percent": 40, "summary": "Canary 40%"},
      "drains": [{"pod": "edge-ddddd", "uid": "d", "reason": "Rollout", "phase": "Evicting", "initial": 1000, "remaining": 400,
                  "rate": 20, "eta": "20s", "deadline": "2026-11-23T12:20:00Z"}],
      "conditions": [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "2 of 3"},
        {"type": "Progressing", "status": "True", "reason": "RollingOut", "message": "2 of 3 pods are of revision new", "lastTransitionTime": "2026-11-23T11:55:00Z"},
        {"type": "Draining", "status": "True", "reason": "PodsDraining", "message": "edge-ddddd is Evicting (Rollout)", "lastTransitionTime": "2026-11-23T11:59:00Z"},
        {"type": "ScaleDownBlocked", "status": "True", "reason": "CapacityGuard", "message": "no room", "lastTransitionTime": "2026-11-23T11:50:00Z"},
        {"type": "CanaryHealthy", "status": "True", "reason": "Gates", "message": "hold"}]
}
})json");
}

inline kube::Json pod_json(const std::string& suffix, const std::string& state = "active") {
  kube::Json pod = kube::Json::parse(R"({
    "metadata": {"namespace": "prod", "creationTimestamp": "2026-11-23T11:00:00Z", "labels": {"sluice.dev/revision": "new", "sluice.dev/traffic": "on"},
      "ownerReferences": [{"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "name": "edge", "uid": "g", "controller": true}]},
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running", "podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}],
      "containerStatuses": [{"name": "gateway", "state": {"running": {}}}]}})");
  pod["metadata"]["name"] = "edge-" + suffix;
  pod["metadata"]["uid"] = suffix.substr(0, 1);
  pod["metadata"]["labels"]["sluice.dev/state"] = state;
  return pod;
}

inline kube::Json draining_json() {
  kube::Json pod = pod_json("ddddd", "draining");
  pod["metadata"]["labels"]["sluice.dev/revision"] = "old";
  pod["metadata"]["labels"]["sluice.dev/traffic"] = "off";
  pod["metadata"]["annotations"] = {
      {"sluice.dev/drain",
       R"({"reason":"Rollout","startedAt":"2026-11-23T11:59:00Z","deadline":"2026-11-23T12:20:00Z"})"},
      {"sluice.dev/drain-rate", "20"}};
  return pod;
}

inline kube::Object object(kube::Json json) {
  return std::make_shared<const kube::Json>(std::move(json));
}

inline LiveFigure figure(double connections, SteadyTime at = SteadyTime(1h)) {
  LiveFigure figure;
  figure.metrics.connections = connections;
  figure.at = at;
  return figure;
}

}  // namespace sluice::cli::testing
