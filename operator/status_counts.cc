#include "operator/status_counts.h"

#include "operator/plan.h"

namespace sluice::op {

StatusCounts count_pods(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  StatusCounts counts;
  for (const PodView& pod : seen.pods) {
    const std::int64_t connections = pod.state ? pod.state->connections : 0;
    if (pod.unheard() && pod.container == ContainerState::kRunning && !pod.terminating) counts.all_heard = false;
    if (is_live(pod) && pod.offline()) {
      ++counts.offline;
      counts.connections += connections;  // As last heard: they may be there still.
    } else if (is_live(pod)) {
      ++counts.live;
      counts.ready += pod.ready;
      counts.available += is_available(pod, spec, now);
      counts.updated += pod.revision == seen.revision;
      counts.connections += connections;
    } else if (phase_of(pod, spec, now) == DrainPhase::kTerminating || (pod.draining() && !pod.terminating)) {
      ++counts.draining;
      counts.connections_draining += connections;
      if (connections > 0) counts.reconnects_per_second += pod.rate_possible;
    }
  }
  return counts;
}

}  // namespace sluice::op
