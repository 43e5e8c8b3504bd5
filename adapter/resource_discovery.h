// Learns from the API server which resources it serves.
#pragma once

#include "adapter/resource_map.h"
#include "common/base/result.h"
#include "common/kube/client.h"

namespace sluice::adapter {

/// Reads every group and version. A group that cannot be read (an aggregated API that is down) is left out and logged;
/// our own groups are left out too, since asking for them would come back to us. Errors: those of kube::Client, where
/// the core group or the list of groups cannot be read.
Result<ResourceMap> discover_resources(kube::Client& client);

}  // namespace sluice::adapter
