#include "operator/rollout.h"

#include <algorithm>

namespace sluice::op {
namespace {

/// How far the rollout may go, whatever there is already.
int allowed_to_update(const GatewaySpec& spec, const RevisionCounts& live, int canary_percent) {
  if (spec.paused) return live.updated;
  if (spec.rollout.type == RolloutType::kOnDelete) return spec.replicas - live.former;
  return updated_allowed(spec, canary_percent);
}

}  // namespace

int updated_allowed(const GatewaySpec& spec, int canary_percent) {
  const int beside_partition = spec.replicas - spec.rollout.partition.of(spec.replicas, Round::kUp);
  return std::min(beside_partition, IntOrPercent::percent(canary_percent).of(spec.replicas, Round::kUp));
}

RolloutTarget rollout_target(const GatewaySpec& spec, const RevisionCounts& live, int canary_percent,
                             bool former_known) {
  const bool anything_former = live.former > 0 || former_known;
  const int allowed = anything_former ? allowed_to_update(spec, live, canary_percent) : spec.replicas;
  const int updated = std::clamp(std::max(allowed, live.updated), 0, spec.replicas);
  const int former = spec.replicas - updated;
  // Both may come out as zero for few replicas, which would let nothing move: Kubernetes takes one pod out then; we
  // rather add one, since that cuts nobody off. Source: deployment util.ResolveFenceposts.
  const int unavailable = spec.rollout.unavailable.of(spec.replicas, Round::kDown);
  const int surge = std::max(spec.rollout.surge.of(spec.replicas, Round::kUp), unavailable > 0 ? 0 : 1);
  const bool rolling = live.updated < updated || live.former > former;
  return {.updated = updated,
          .former = former,
          .live_max = spec.replicas + (rolling ? surge : 0),
          .available_min = std::max(0, spec.replicas - unavailable)};
}

}  // namespace sluice::op
