#include "gateway/admin/costs.h"

#include <algorithm>

#include "gateway/protocols/topics/topics.h"

namespace sluice::gateway {

static_assert(kSessionCostMax >= 1 + kPieceCost * static_cast<double>(kSubscriptionsPerConnectionMax),
              "the bound is no lower than what one connection can cost");

std::uint64_t bytes_per_connection(std::uint64_t bytes, std::uint64_t idle_bytes, std::int64_t connections) {
  if (connections < kMeasurableConnections || bytes <= idle_bytes) return 0;
  return (bytes - idle_bytes) / static_cast<std::uint64_t>(connections);
}

double session_cost(std::int64_t connections, std::int64_t pieces) {
  if (connections <= 0) return 1;
  const double mean = static_cast<double>(pieces) / static_cast<double>(connections);
  return std::clamp(1 + kPieceCost * mean, 1.0, kSessionCostMax);
}

}  // namespace sluice::gateway
