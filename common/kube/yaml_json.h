// YAML as the JSON that Kubernetes' own reader makes of it. Its includer must be one of the files that wrap yaml-cpp.
#pragma once

#include "common/base/result.h"
#include "common/kube/resource.h"

namespace YAML {
class Node;
}

namespace sluice::kube {

/// Plain scalars become null, booleans and numbers as YAML's core schema has it; what is quoted stays text. Errors:
/// kInvalid (deeper than 32 levels, a key that is no text).
Result<Json> yaml_to_json(const YAML::Node& node);

}  // namespace sluice::kube
