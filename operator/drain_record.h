// The decision to drain a pod, as it stands on the pod itself: annotation `sluice.dev/drain`, JSON
// {"reason","startedAt","deadline"}. It is written, together with the labels that take the pod out of the endpoints, in
// one conditional write before anything acts on it; whoever leads later goes on from it.
//
// Beside it, annotation `sluice.dev/drain-rate`: connections/s that the pod's gateway may have been granted, written
// before an order for more goes out and lowered after less is known to be in effect. Where a new leader cannot reach
// the gateway, so much of the budget stays reserved for it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace sluice::op {

/// Why a pod drains. The words stand in annotations, events, status and the gateway's own state.
enum class DrainReason {
  kScaleDown,  ///< There are more pods than spec.replicas.
  kRollout,    ///< A pod of a newer template has taken its place.
  kNodeDrain,  ///< Its node is cordoned, or an autoscaler is about to remove it.
  kEviction,   ///< The eviction API asks for it (lifecycle.k8s.io).
  kRequested,  ///< spec.scaleDown.podsToDrain names it.
  kOffline,    ///< It has been out of the fleet for spec.healing.replaceAfter.
  kDelete,     ///< The whole gateway goes; never taken back.
};
/// The word of a drain that nobody here has decided: its pod is being deleted. It stands in no record.
inline constexpr const char* kTerminatingReason = "Terminating";

inline constexpr std::array kDrainReasons{DrainReason::kScaleDown, DrainReason::kRollout,   DrainReason::kNodeDrain,
                                          DrainReason::kEviction,  DrainReason::kRequested, DrainReason::kOffline,
                                          DrainReason::kDelete};

const char* to_string(DrainReason reason);
std::optional<DrainReason> parse_drain_reason(std::string_view text);

struct DrainRecord {
  DrainReason reason = DrainReason::kScaleDown;
  WallTime started_at{};              ///< When the pod left the endpoints; milliseconds survive.
  WallTime deadline{};                ///< What is left then is closed.
  std::optional<WallTime> frozen_at;  ///< Since then spec.drainFreeze holds it; both times above move on by its length.

  bool operator==(const DrainRecord&) const = default;
};

std::string encode_drain_record(const DrainRecord& record);
/// Nothing where the text is not a whole record: somebody has edited it.
std::optional<DrainRecord> decode_drain_record(std::string_view text);

/// Rounded up to a thousandth: a grant must not be recorded as less than it is.
std::string encode_drain_rate(double per_second);
/// 0 where there is none; more than any budget where the text is no rate: then nobody knows what was granted.
double decode_drain_rate(std::string_view text);

}  // namespace sluice::op
