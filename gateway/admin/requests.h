// The bodies of the admin API's calls. What is taken keeps to bounds that the gateway relies on; everything else is
// refused with a sentence that names the field. Fields that are not known are ignored: the operator may be newer.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "gateway/admin/peers.h"
#include "gateway/drain/controller.h"

namespace sluice::gateway {

// Errors: kInvalid.
/// PUT /admin/v1/drain.
Result<DrainRequest> parse_drain_request(std::string_view body);
/// PUT /admin/v1/shed. An id is 1 to 128 printable ASCII characters.
Result<ShedRequest> parse_shed_request(std::string_view body);
/// POST /admin/v1/node-status. Pod, UID and status are names: 1 to 253 letters, digits, dots, dashes and underscores.
Result<PeerStatus> parse_node_status(std::string_view body);

}  // namespace sluice::gateway
