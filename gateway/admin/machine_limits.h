// What the machine allows this process, for the operator's check whether a node can carry what is asked of it.
#pragma once

#include <cstdint>

#include "gateway/admin/memory.h"

namespace sluice::gateway {

/// 0 where a limit is unknown, or where there is none.
struct MachineLimits {
  std::uint64_t descriptors = 0;    ///< RLIMIT_NOFILE of this process.
  std::uint64_t somaxconn = 0;      ///< net.core.somaxconn of the pod's network: it cuts the listeners' backlog.
  std::uint64_t conntrack_max = 0;  ///< net.netfilter.nf_conntrack_max: of the node, where it tracks connections.
  std::uint64_t memory_bytes = 0;   ///< The tightest memory limit of our control group and those above it.
};

/// Read anew: an administrator may change any of them while we run.
[[nodiscard]] MachineLimits machine_limits(const ReadFile& read);

}  // namespace sluice::gateway
