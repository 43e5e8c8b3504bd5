// Failures in kubectl's words. Pure. Source: kubectl pkg/cmd/util/helpers.go (StandardErrorMessage).
#pragma once

#include <string>

#include "common/base/result.h"

namespace sluice::cli {

/// The line for standard error: "Error from server (NotFound): ..." for what the API server said, "The connection to
/// the server ... was refused ..." and "Unable to connect to the server: ..." for what the way to it did, and
/// "error: ..." for the rest.
std::string error_text(const Error& error);

}  // namespace sluice::cli
