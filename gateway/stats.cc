#include "gateway/stats.h"

#include <algorithm>

namespace sluice::gateway {

void ShardStats::observe_handshake(SteadyTime::duration took) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  const double seconds = static_cast<double>(microseconds) / 1e6;
  const auto* bound = std::lower_bound(kHandshakeSecondsBounds.begin(), kHandshakeSecondsBounds.end(), seconds);
  handshake_buckets[static_cast<std::size_t>(bound - kHandshakeSecondsBounds.begin())].add(1);
  handshake_microseconds.add(microseconds);
}

ShardStats::ReleaseCounts ShardStats::release_counts(std::uint32_t epoch) const {
  if (release_epoch.load(std::memory_order_acquire) != epoch) return {};
  return {hinted.get(), released.get()};
}

void ShardStats::begin_release(std::uint32_t epoch) {
  hinted.set(0);
  released.set(0);
  release_epoch.store(epoch, std::memory_order_release);
}

}  // namespace sluice::gateway
