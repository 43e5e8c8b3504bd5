// Durations and times as Kubernetes writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice {

/// Go's time.ParseDuration for non-negative values: "15s", "1m30s", "250ms", "1.5h", "0". Nothing for anything else,
/// and for values beyond 100 years. Finer than a millisecond is cut off. Source: metav1.Duration.
std::optional<Duration> parse_duration(std::string_view text);
/// Go's Duration.String() to the millisecond: "2m9s", "1h0m0s", "1.5s", "250ms", "0s".
std::string format_duration(Duration value);

/// RFC 3339, UTC, whole seconds: "2026-11-23T09:30:00Z" (metav1.Time).
std::string format_rfc3339(WallTime time);
/// RFC 3339, UTC, microseconds: "2026-11-23T09:30:00.123000Z" (metav1.MicroTime, used by Leases and events).
std::string format_rfc3339_micro(WallTime time);
/// Any RFC 3339 time, with or without a fraction, Z or an offset. Nothing for anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace sluice
