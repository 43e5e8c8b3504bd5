#include "operator/canary_shift.h"

#include <algorithm>
#include <tuple>

#include "common/base/contract.h"

namespace sluice::op {
namespace {

std::int64_t connections_on(const PodView& pod) {
  return pod.state ? pod.state->connections : 0;
}

std::int64_t fullest(const Pods& pods) {
  std::int64_t most = 0;
  for (const PodView* pod : pods) most = std::max(most, connections_on(*pod));
  return most;
}

}  // namespace

CanaryShift shift_to_canary(const Pods& live, const GatewaySpec& spec, const std::string& revision,
                            std::int64_t missing) {
  Pods canary;
  Pods stable;
  bool whole = true;
  for (const PodView* pod : live) {
    const bool updated = pod->revision == revision;
    whole = whole && (!updated || pod->ready);
    if (pod->ready && pod->state_label == kStateActive) (updated ? canary : stable).push_back(pod);
  }
  if (!whole || canary.empty() || missing <= 0) return {};

  const auto pods = static_cast<std::int64_t>(canary.size());
  const std::int64_t most = spec.capacity.connections_per_pod * spec.scale_down.capacity_guard_percent / 100;
  const std::int64_t held = fullest(canary) + (missing + pods - 1) / pods;
  // Those that are off stay off, then the fullest leave.
  std::sort(stable.begin(), stable.end(), [](const PodView* a, const PodView* b) {
    const auto order = [](const PodView* pod) {
      return std::make_tuple(pod->traffic_label != kTrafficOff, -connections_on(*pod), pod->name);
    };
    return order(a) < order(b);
  });
  const std::int64_t lost = fullest(stable);
  std::int64_t staying = pods;
  const auto total = static_cast<std::int64_t>(stable.size());
  const auto would_fit = [&] { return held + (lost + pods + staying - 1) / (pods + staying) <= most; };
  while (staying < total && !would_fit()) ++staying;
  if (staying >= total) {
    // With few stable pods there is nothing to shift; else it is the guard that is in the way.
    if (total <= pods) return {};
    return {.off = {},
            .objection = "no stable pod leaves the endpoints: with " + std::to_string(missing) +
                         " more connections, or the loss of another pod, a new one could come to hold more than " +
                         std::to_string(most) + " (" + std::to_string(spec.scale_down.capacity_guard_percent) +
                         "% of capacity.connectionsPerPod)"};
  }
  CanaryShift shift;
  for (std::int64_t i = 0; i < total - staying; ++i) shift.off.insert(stable[static_cast<std::size_t>(i)]->uid);
  return shift;
}

}  // namespace sluice::op
