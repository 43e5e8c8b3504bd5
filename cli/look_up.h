// Names for completion, asked of the API server.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "common/kube/client.h"

namespace sluice::cli {

/// Gateways, pods, namespaces or revisions; none where the API server does not answer in time.
std::vector<std::string> look_up_names(kube::Client& client, Values values, const Parsed& parsed);

}  // namespace sluice::cli
