#include "gateway/admin/recent_activity.h"

#include <algorithm>
#include <numeric>

namespace sluice::gateway {

double handshake_quantile(const HandshakeCounts& counts, double p) {
  const auto total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (total == 0) return 0;
  const double rank = p * static_cast<double>(total);
  double below = 0;
  for (std::size_t i = 0; i < kHandshakeSecondsBounds.size(); ++i) {
    const auto count = static_cast<double>(counts[i]);
    if (below + count >= rank && count > 0) {
      const double lower = i == 0 ? 0 : kHandshakeSecondsBounds[i - 1];
      return lower + (kHandshakeSecondsBounds[i] - lower) * (rank - below) / count;
    }
    below += count;
  }
  return kHandshakeSecondsBounds.back();
}

void RecentActivity::add(SteadyTime now, std::uint64_t accepted, const HandshakeCounts& handshakes) {
  samples_.push_back({now, accepted, handshakes});
  // One sample older than the window is kept: the window's beginning lies between it and the next.
  while (samples_.size() > 2 && samples_[1].at <= now - kHandshakeWindow) samples_.pop_front();
  if (samples_.size() > kSamplesMax) samples_.pop_front();
}

const RecentActivity::Sample& RecentActivity::oldest_within(Duration window) const {
  const SteadyTime from = samples_.back().at - window;
  return *std::find_if(samples_.begin(), samples_.end(), [from](const Sample& sample) { return sample.at >= from; });
}

double RecentActivity::accepts_per_second() const {
  if (samples_.empty()) return 0;
  const Sample& newest = samples_.back();
  const Sample& oldest = oldest_within(kAcceptWindow);
  const double seconds = std::chrono::duration<double>(newest.at - oldest.at).count();
  return seconds > 0 ? static_cast<double>(newest.accepted - oldest.accepted) / seconds : 0;
}

double RecentActivity::handshake_p99() const {
  if (samples_.empty()) return 0;
  HandshakeCounts counts = samples_.back().handshakes;
  const Sample& oldest = oldest_within(kHandshakeWindow);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] -= oldest.handshakes[i];
  return handshake_quantile(counts, 0.99);
}

}  // namespace sluice::gateway
