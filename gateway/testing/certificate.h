// A certificate for tests of TLS.
#pragma once

#include <string>

#include "gateway/testing/temporary_folder.h"

namespace sluice::gateway::testing {

/// Writes a self-signed certificate for `name` and its key into `folder`: server.crt and server.key.
void write_certificate(const TemporaryFolder& folder, const std::string& name);

}  // namespace sluice::gateway::testing
