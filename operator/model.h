// What the operator knows about one RealtimeGateway at one moment: plain values that observe.h fills in and plan.h,
// status.h and their tests read. Ages are measured by the monotonic clock when the value is made.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "operator/canary.h"
#include "operator/gateway_state.h"
#include "operator/pod_facts.h"
#include "operator/progress.h"

namespace sluice::op {

/// One pod that the RealtimeGateway owns (controller reference with its UID).
struct PodView : PodFacts {
  PodView() = default;
  explicit PodView(const PodFacts& facts) : PodFacts(facts) {}

  std::string domain;       ///< The zone of its node, or the node itself where it names no zone.
  bool node_known = false;  ///< That node was read: that it does not go is certain then.
  bool node_ready = true;   ///< What is known of the node says that its kubelet is alive.

  /// Why it is to be replaced although it serves: its node goes (kNodeDrain), the eviction API asks for it (kEviction),
  /// or spec.scaleDown.podsToDrain names it (kRequested).
  std::optional<DrainReason> asked_to_go;

  std::optional<GatewayState> state;    ///< The newest one that was answered.
  Duration state_age{0};                ///< Since that call began. Only where `state` is set.
  std::optional<Duration> failure_age;  ///< Since the last failed call, where it is newer than `state`.
  std::optional<Duration> empty_for;    ///< Since the first of the last answers that all say "no connection" was asked.
  std::optional<std::int64_t> last_count;  ///< The newest count of connections that was not zero.
  /// Connections/s that it may be releasing: as granted, or perhaps granted by a lost call. Where the gateway has not
  /// answered this process yet, what is recorded.
  double rate_possible = 0;
  std::optional<DrainTerms> ordered;  ///< In the last drain order that it answered to this process.

  int failures = 0;                     ///< Calls that had no answer, in a row.
  std::optional<Duration> failing_for;  ///< Since the first of them.
  bool refused = false;                 ///< The last of them was refused or cut: somebody was there to do that.
  int probe_successes = 0;              ///< In a row, up to the last one.
  std::optional<Duration> probed_ago;   ///< Since the last probe began.

  [[nodiscard]] bool draining() const { return drain_annotated; }
  /// Out of the fleet, without traffic. A drain takes precedence.
  [[nodiscard]] bool offline() const {
    return health && health->phase != HealthPhase::kGrayTraffic && !drain_annotated;
  }
  [[nodiscard]] bool gray() const { return health && health->phase == HealthPhase::kGrayTraffic && !drain_annotated; }
  /// It has neither answered this process nor failed to: it is about to be asked for the first time.
  [[nodiscard]] bool unheard() const { return !state && !failure_age && !address.empty(); }
  [[nodiscard]] bool state_fresh(Duration at_most) const { return state && state_age <= at_most; }
};

struct Observed {
  std::string ns;
  std::string name;
  std::string uid;
  bool deleting = false;
  bool foreground = false;  ///< Deleted with --cascade=foreground: the garbage collector deletes what it owns first.
  bool orphaned = false;    ///< Deleted with --cascade=orphan: what it owns is to stay as it is.
  bool finalized = false;   ///< Our finalizer is on it.
  std::string revision;     ///< Of the newest template.
  std::string former_revision;   ///< That pods can still be made of; empty where there is none.
  std::string current_revision;  ///< That the fleet was on last, as a whole (status.currentRevision); empty: unknown.
  ProgressMark progress;         ///< The best that has been of what is wanted now.
  Duration progress_age{0};      ///< Since the progress clock began.
  bool was_exceeded = false;     ///< The status says that the progress deadline has passed.
  CanaryProgress canary;         ///< As status.rollout has it.
  CanarySamples samples;         ///< By which its step is judged.
  std::string promoted;          ///< Annotation sluice.dev/promote.
  std::string template_error;    ///< The API server's sentence where it refuses the template; no pod is made then.
  std::vector<PodView> pods;     ///< In name order.
  bool unsure = false;           ///< A pod was written to, and nobody knows yet whether with success.
  Duration creates_held{0};      ///< No pod is made before it has passed, since the last one was refused.
  /// Since victims are being asked for their states; a choice is made by answers of that time. Zero: not yet.
  Duration choosing_for{0};
  double throttle = 1;           ///< Part of the reconnect budget that the receivers can take (budget.h).
  bool evictions_known = false;  ///< Evictions (eviction.h) are watched: that nobody asks for one is certain.
  int polled = 0;                ///< Gateways of all RealtimeGateways that are polled and have answered or failed to.
  int polls_failing = 0;         ///< Those of them whose last poll had no answer.
  /// Since a pod left the endpoints for a rebalance, as far as known; unset where none is out.
  std::optional<Duration> rebalancing_for;
  std::optional<Duration> rebalanced_ago;  ///< Since the last rebalance ended, as far as known.
  std::optional<Duration> reversed_ago;    ///< Since a drain was taken back the last time, as far as known.
  std::set<std::string> taken_names;       ///< Pod names that others have taken in this namespace, as far as known.
};

/// What a write needs to hit this very pod and no other.
struct PodRef {
  std::string name;
  std::string uid;
  std::string resource_version;
  std::string address;
};

inline PodRef ref_to(const PodView& pod) {
  return {pod.name, pod.uid, pod.resource_version, pod.address};
}

}  // namespace sluice::op
