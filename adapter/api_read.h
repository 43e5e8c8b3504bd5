// Small reads from the API server, for which somebody waits.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/kube/client.h"

namespace sluice::adapter {

/// The object at `path`, which may have a query. The API server itself ends the call after `time_limit` (the parameter
/// `timeout`, as client-go sends it); one that does not answer at all has kube::Client::kCallTimeout, as any call.
/// Errors: those of kube::error_from_status(), kUnavailable where the answer is no JSON.
Result<nlohmann::json> read_api(kube::Client& client, const std::string& path, Duration time_limit);

}  // namespace sluice::adapter
