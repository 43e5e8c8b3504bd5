// JSON and YAML on standard output.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// `object` as -o json or yaml.
void print_object(Terminal& terminal, const kube::Json& object, Output output);
/// Several as a v1 List, as kubectl does.
kube::Json list_of(std::vector<kube::Json> items);

}  // namespace sluice::cli
