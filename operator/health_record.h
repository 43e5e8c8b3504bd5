// What is the matter with a pod that is out of the fleet, as it stands on the pod itself: annotation
// `sluice.dev/health`, JSON {"event","severity","since","phase","phaseSince","percent","opened"}. It is written
// together with the labels in one conditional write, before anything acts on it; whoever leads later goes on from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice::op {

/// What was heard of a pod's gateway. The words stand in annotations, events, status and metrics.
enum class HealthEvent {
  kHeartbeatTimeout,  ///< It does not answer.
  kConnectionLost,    ///< It refuses or cuts connections, or its container keeps ending.
};
inline constexpr HealthEvent kHealthEvents[] = {HealthEvent::kHeartbeatTimeout, HealthEvent::kConnectionLost};
const char* to_string(HealthEvent event);

/// The way back into the fleet.
enum class HealthPhase {
  kOffline,        ///< Out; it is probed.
  kPendingRejoin,  ///< Its probes succeed; it is watched, still without traffic.
  kGrayTraffic,    ///< It takes a growing share of the arrivals.
};
const char* to_string(HealthPhase phase);

struct HealthRecord {
  HealthEvent event = HealthEvent::kHeartbeatTimeout;
  int severity = 3;  ///< 3 to 5.
  WallTime since{};  ///< When it was put out; a relapse does not begin anew, so that what flaps is replaced.
  HealthPhase phase = HealthPhase::kOffline;
  WallTime phase_since{};   ///< When the phase began; in GrayTraffic the present interval.
  int percent = 0;          ///< GrayTraffic: of the mean rate of arrivals that it may take in this interval.
  std::int64_t opened = 0;  ///< GrayTraffic: connections its process had accepted when the interval began.
  std::int64_t ok = 0;      ///< And handshakes that had succeeded, ...
  std::int64_t failed = 0;  ///< ... and failed.

  bool operator==(const HealthRecord&) const = default;
};

/// Value of the label sluice.dev/state that goes with it; "active" without one.
const char* state_of(const std::optional<HealthRecord>& record);

std::string encode_health_record(const HealthRecord& record);
/// Nothing where the text is not a whole record: somebody has edited it.
std::optional<HealthRecord> decode_health_record(std::string_view text);

}  // namespace sluice::op
