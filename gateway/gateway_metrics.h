// The gateway's metrics by their contractual names: collectors that sum what the shards count, when they are scraped.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/base/metrics.h"
#include "gateway/admin/peers.h"
#include "gateway/admission/door.h"
#include "gateway/drain/controller.h"
#include "gateway/shard.h"
#include "gateway/tasks/task_pool.h"

namespace sluice::gateway {

/// The sum of one number over all shards.
[[nodiscard]] std::int64_t sum_over(const std::vector<std::unique_ptr<Shard>>& shards,
                                    const std::function<std::int64_t(const ShardStats&)>& number);

/// What is scraped. All of it outlives the registry; `peers` belongs to the thread that scrapes.
struct MetricSources {
  const std::vector<std::unique_ptr<Shard>>& shards;
  const TaskPool& tasks;
  const DrainController& drain;
  const AdmissionDoor& admission;
  const PeerTable& peers;
};
void register_metrics(MetricsRegistry& registry, const MetricSources& sources);

}  // namespace sluice::gateway
