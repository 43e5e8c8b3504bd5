// What commands there are, with what arguments and flags. Help and completion are made from it.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"

namespace sluice::cli {

/// In the order that help lists them.
const std::vector<Command>& all_commands();
/// Flags that every command takes: kubectl's.
const std::vector<Flag>& global_flags();

/// `kubectl rtgw --help` where `command` is null, else `kubectl rtgw COMMAND --help`.
std::string help_text(const Command* command);

}  // namespace sluice::cli
