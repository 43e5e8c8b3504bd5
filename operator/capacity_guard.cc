#include "operator/capacity_guard.h"

#include <algorithm>
#include <cstdint>

#include "operator/plan.h"

namespace sluice::op {

int carriers_of(const Observed& seen) {
  return static_cast<int>(std::count_if(seen.pods.begin(), seen.pods.end(), [](const PodView& pod) {
    return is_live(pod) && pod.ready && !pod.offline();
  }));
}

std::optional<std::string> capacity_objection(const GatewaySpec& spec, const Observed& seen, int leaving) {
  if (spec.replicas == 0) return std::nullopt;
  std::int64_t connections = 0;
  for (const PodView& pod : seen.pods) {
    if (pod.state && pod.container == ContainerState::kRunning) connections += pod.state->connections;
  }
  if (connections == 0) return std::nullopt;
  const std::int64_t staying = std::max(0, carriers_of(seen) - leaving);
  const std::int64_t most = spec.capacity.connections_per_pod * spec.scale_down.capacity_guard_percent / 100;
  if (connections <= staying * most) return std::nullopt;
  const std::string each =
      staying == 0 ? "left to no"
                   : std::to_string((connections + staying - 1) / staying) + " on each of " + std::to_string(staying);
  return std::to_string(connections) + " connections would be " + each + " remaining pods, and " +
         std::to_string(most) + " is the most (" + std::to_string(spec.scale_down.capacity_guard_percent) +
         "% of capacity.connectionsPerPod); a drain waits for that";
}

}  // namespace sluice::op
