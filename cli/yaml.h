// JSON as YAML, as `kubectl -o yaml` lays it out. Pure. Written here and not by yaml-cpp, whose emitter leaves "yes",
// "1e3" and "null" unquoted, so that another reader takes them for something else.
#pragma once

#include <string>

#include "common/kube/resource.h"

namespace sluice::cli {

/// Block style, keys sorted, two blanks a level; texts are quoted where a reader of YAML 1.1 or 1.2 could take them for
/// something else. Ends in a line end.
std::string to_yaml(const kube::Json& value);

}  // namespace sluice::cli
