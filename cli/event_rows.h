// Events of a gateway and its pods. Pure. Source: events.k8s.io/v1, `kubectl events`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/table.h"
#include "common/base/clock.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// Whether the event is about a RealtimeGateway, or about a pod or another object that is named as its own are. An
/// empty `gateway` means any of `gateways`.
bool concerns(const kube::Json& event, const std::vector<std::string>& gateways);

/// RFC 3339: when it was last seen.
std::string last_seen(const kube::Json& event);

/// Oldest first; equals by name.
void sort_events(std::vector<kube::Json>& events);

Table events_table(const std::vector<kube::Json>& events, bool with_namespace, WallTime now);

/// Types of --types: "Normal", "Warning,Normal"; false where there is another one.
bool parse_event_types(std::string_view text, std::vector<std::string>& types);

}  // namespace sluice::cli
