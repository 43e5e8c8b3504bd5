// Figures as a person reads them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice::cli {

/// "12", "1,234", "1,234,567".
std::string grouped(std::int64_t count);
/// "812", "9.8k", "481k", "1.2M": as the columns of `kubectl get rtgw`.
std::string short_count(double count);
/// An age or a time to go as kubectl writes it: "45s", "2m9s", "47m", "5h3m", "3d4h", "9d". Source: apimachinery
/// duration.HumanDuration.
std::string human_duration(Duration time);
/// The age of an RFC 3339 time; "<unknown>" where it is none.
std::string age_of(std::string_view rfc3339, WallTime now);
/// "1.2/s", "200/s", "9.8k/s".
std::string rate_text(double per_second);
/// "512Mi", "1.5Gi".
std::string bytes_text(double bytes);
/// A number that is whole and not negative; nothing for anything else, and beyond `most`.
std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t most);

}  // namespace sluice::cli
