// A fleet as lines for a person, and as JSON for a program. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/fleet.h"
#include "cli/table.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// Header, conditions, notes and a line a pod; at most `height` lines where that is not 0, the last one then says how
/// many pods are left out. `wide` adds node and revision where the width leaves no room for them otherwise.
std::vector<std::string> status_lines(const FleetView& fleet, const Look& look, bool wide, WallTime now,
                                      int height = 0);

/// What a terminal-less watcher appends: lines of `now` that differ from those of `before`, ages left out of account.
/// Empty where nothing has changed.
std::vector<std::string> status_changes(const FleetView& before, const FleetView& fleet, WallTime now);

/// Fields: cli/README.md.
kube::Json status_json(const FleetView& fleet);

}  // namespace sluice::cli
