#include "operator/rollout.h"

#include <algorithm>

namespace sluice::op {

int updated_allowed(const GatewaySpec& spec, int canary_percent) {
  const int beside_partition = std::max(0, spec.replicas - spec.rollout.partition.of(spec.replicas, Round::kUp));
  return std::min(beside_partition, IntOrPercent::percent(canary_percent).of(spec.replicas, Round::kUp));
}

RolloutTarget rollout_target(const GatewaySpec& spec, const RolloutInput& input) {
  const RevisionCounts& live = input.live;
  const bool on_delete = spec.rollout.type == RolloutType::kOnDelete;
  const bool anything_former = live.former > 0 || input.former_known;
  // How far the rollout may go, whatever there is already.
  int allowed = input.going_back ? spec.replicas : updated_allowed(spec, input.canary_percent);
  if (input.held) allowed = std::min(allowed, live.updated);
  if (!anything_former) allowed = spec.replicas;
  // A fleet of nobody has nothing to compare.
  const bool compares = input.comparing && live.former > 0 && spec.replicas > 0;
  const int former_kept = anything_former ? std::max(spec.replicas - allowed, compares ? 1 : 0) : 0;
  if (on_delete && anything_former) allowed = spec.replicas - live.former;

  const int updated = std::clamp(std::max(allowed, live.updated), 0, spec.replicas);
  const int former = spec.replicas - updated;
  // Both may come out as zero for few replicas, which would let nothing move: Kubernetes takes one pod out then; we
  // rather add one, since that cuts nobody off. Source: deployment util.ResolveFenceposts. One more is also what stays
  // for a comparison where a step covers the whole fleet.
  const int unavailable = spec.rollout.unavailable.of(spec.replicas, Round::kDown);
  const int surge_least = unavailable > 0 && !input.comparing ? 0 : 1;
  const int surge = std::max(spec.rollout.surge.of(spec.replicas, Round::kUp), surge_least);
  const bool rolls = !input.held && !on_delete && live.updated <= allowed;
  const bool rolling = rolls && (live.updated < updated || live.former > former);
  return {.updated = updated,
          .former = former,
          .former_kept = on_delete ? 0 : former_kept,
          .live_max = spec.replicas + (rolling ? surge : 0),
          .available_min = std::max(0, spec.replicas - unavailable)};
}

bool rollout_complete(const GatewaySpec& spec, const RevisionCounts& live, const RolloutTarget& target) {
  return live.former == 0 && live.updated >= spec.replicas && target.former_kept == 0;
}

}  // namespace sluice::op
