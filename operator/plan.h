// The decision: from what was observed to what should be done now. Pure; `now` is passed in. Level-based: it reads only
// the present, so it may be asked again at any time and after any crash, and asks for nothing once all is as it should.
//
// Order of thought: finalizer; pods that can go; the canary's step; drains taken back; pods to make; pods to drain; who
// is well; who is in the endpoints; what the running drains need; whether all that comes any further. apply.h carries
// it out.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/canary.h"
#include "operator/model.h"
#include "operator/progress.h"
#include "operator/rollout.h"
#include "operator/spec.h"
#include "operator/victim.h"

namespace sluice::op {

enum class DrainPhase {
  kNone,
  kPropagating,  ///< Out of the endpoints; new connections are still accepted until everybody has followed.
  kEvicting,     ///< Hints and closes at the granted rate.
  kDrained,      ///< The gateway itself says 0, or its container is gone.
  kTimedOut,     ///< The deadline has come. With onTimeout Wait it goes on as before.
  kFrozen,       ///< spec.drainFreeze holds it where it was.
  kTerminating,  ///< Its pod is being deleted: the kubelet's clock runs, whoever asked for it.
};
const char* to_string(DrainPhase phase);

/// How far a pod's drain is. A pod counts as empty only by the gateway's own word: a fresh state from after the end of
/// propagation in which the drain runs and no connection is left, if it said so before the deadline too: after it there
/// are none because they were closed. No answer never means zero. A pod that is being deleted has a phase as long as
/// it may have something to release.
DrainPhase phase_of(const PodView& pod, const GatewaySpec& spec, WallTime now);

/// Write the decision on the pod: annotation and labels, conditional on the version that was observed.
struct StartDrain {
  PodRef pod;
  DrainRecord record;
  std::optional<std::int64_t> connections;  ///< Unset where unknown.
  std::optional<std::int64_t> cost;         ///< Connections times what moving one costs; unset where unknown.
  bool chosen = false;                      ///< Among candidates; then why, and the next one, for the event:
  std::string why;                          ///< As victim.h's Victim says.
  std::string runner_up;                    ///< Empty where there was no other candidate.
  std::optional<std::int64_t> runner_up_connections;
  std::optional<std::int64_t> runner_up_cost;
};

/// Take a pod back: first the gateway accepts connections again (where it may have stopped to), then the labels.
struct CancelDrain {
  PodRef pod;
  bool tell_gateway = false;
  const char* why = "";  ///< For the event.
};

/// Write on the pod what its gateway may be granted (drain_record.h): before more is ordered, after less is known.
struct RecordRate {
  PodRef pod;
  double rate_per_second = 0;
};

/// PUT /admin/v1/drain.
struct DrainOrder {
  PodRef pod;
  DrainTerms terms;
  double rate_per_second = 0;
};

enum class DeleteReason {
  kDrained,       ///< 0 connections, as the gateway says.
  kTimedOut,      ///< Its deadline has come.
  kStopped,       ///< Its container does not run (drain) or never will again (phase Failed, Succeeded).
  kNeverStarted,  ///< Nothing of it has ever run.
};
const char* to_string(DeleteReason reason);

/// DELETE, conditional on the UID and the observed version: the reason holds only as long as nothing about the pod
/// changes. A person may end its drain, the kubelet start its container, another leader have taken it back.
struct DeletePod {
  PodRef pod;
  DeleteReason reason = DeleteReason::kDrained;
  std::optional<DrainRecord> record;        ///< Where a drain ended here.
  std::optional<std::int64_t> initial;      ///< Connections at its begin, where known.
  std::optional<std::int64_t> connections;  ///< Connections now, where known.
};

/// Write the two labels.
struct Relabel {
  PodRef pod;
  std::string state;     ///< sluice.dev/state.
  bool traffic = false;  ///< sluice.dev/traffic.
  const char* why = "";  ///< For the log.
  /// Also forget the recorded rate: its gateway has said that it releases nobody. Before that it stays reserved.
  bool drop_rate = false;
};

/// A pod to make.
struct NewPod {
  std::string name;
  std::string revision;  ///< The newest one, or the former one (partition, pause, canary).
};

/// Write a drain's record anew: it was frozen, or is let go again.
struct RewriteDrain {
  PodRef pod;
  DrainRecord record;
};

/// What has changed about a pod's health. The words stand in events.
enum class HealthNews {
  kKicked,     ///< It is out.
  kRejoining,  ///< It is watched before it comes back.
  kGray,       ///< It takes a part of the arrivals.
  kGrows,      ///< And more of them.
  kHeld,       ///< No more of them than before.
  kRelapsed,   ///< It is out again.
  kBack,       ///< It serves as any other.
};

/// Write what is the matter with a pod, and the two labels that follow from it. Unset: nothing any more.
struct SetHealth {
  PodRef pod;
  std::optional<HealthRecord> record;
  HealthNews news = HealthNews::kKicked;
  std::string why;
};

/// Ask a pod that is out, over TCP and HTTP, whether it is there.
struct ProbePod {
  std::string uid;
  std::string ws_address;  ///< "10.0.0.7:8080", where clients come; so do the others.
  std::string wss_address;
  std::string metrics_address;
};

/// PUT /admin/v1/shed: release so many connections that understand hints.
struct ShedOrder {
  PodRef pod;
  std::string id;
  std::int64_t count = 0;
  double rate_per_second = 0;
};

struct Plan {
  bool add_finalizer = false;
  bool remove_finalizer = false;
  std::vector<DeletePod> remove;
  std::vector<CancelDrain> cancel;
  std::vector<StartDrain> start;
  std::vector<Relabel> relabel;
  std::vector<RewriteDrain> rewrite;
  std::vector<RecordRate> record_rates;
  std::vector<DrainOrder> orders;
  std::vector<PodRef> undrain;  ///< Gateways that drain though their pods do not: DELETE /admin/v1/drain.
  std::vector<NewPod> create;
  bool creates_held = false;  ///< Pods are missing, but none is made for now: the last one was refused.
  /// UIDs whose states must be asked for before a victim can be chosen.
  std::vector<std::string> states_wanted;
  /// Time makes a difference no later than this; unset where only an event can.
  std::optional<Duration> wake_after;
  CanaryDecision canary;
  RolloutTarget rollout;        ///< Pods of either revision that are aimed at.
  ProgressDecision progress;    ///< Whether it comes any further.
  std::string shift_objection;  ///< Why no pod leaves the endpoints for the canary's sake (canary_shift.h), if so.
  std::string objection;        ///< Why no drain begins though one is due; empty where nothing is in the way.
  const char* objection_reason = "";  ///< CapacityGuard, DrainFreeze or ReverseHold: which of them objects.
  std::vector<SetHealth> health;
  std::vector<ProbePod> probes;
  std::string kicks_held;         ///< Why a pod stays that should be out; empty where none does.
  std::set<std::string> watched;  ///< UIDs of pods whose states should be asked for more often.
  std::vector<ShedOrder> sheds;
  std::vector<PodRef> unshed;         ///< DELETE /admin/v1/shed.
  std::set<std::string> rebalanced;   ///< UIDs of pods that are out of the endpoints for a rebalance.
  std::set<std::string> traffic_off;  ///< UIDs of pods that serve what they have but are to leave the endpoints.

  void wake_within(Duration time);
};

/// Whether carrying it out writes anything or calls a gateway; what waits or only watches does not.
bool acts(const Plan& plan);
/// UIDs of pods that `plan` writes to already: a second write in the same round could only conflict with the first.
std::set<std::string> touched_by(const Plan& plan);

Plan plan_gateway(const GatewaySpec& spec, const Observed& seen, WallTime now);

/// Pods that serve or are about to: not draining, not being deleted, not finished.
bool is_live(const PodView& pod);
/// In the fleet and ready for at least spec.min_ready.
bool is_available(const PodView& pod, const GatewaySpec& spec, WallTime now);
/// Takes connections over: it serves, is ready, in the endpoints and not out of the fleet.
bool is_receiver(const PodView& pod);
/// How many do; none where the whole gateway goes.
int receivers_of(const Observed& seen);

}  // namespace sluice::op
