// One process of the operator in the simulation: the real observe, plan, status and memory (sim_operator.cc), and what
// the Applier does with a plan done to the model world (sim_apply.cc). Calls fail, are committed without an answer, or
// end the process in between.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "operator/memory.h"
#include "operator/observe.h"
#include "operator/own_writes.h"
#include "operator/plan.h"
#include "operator/probe_counts.h"
#include "operator/simulation/cache.h"
#include "operator/simulation/oracle.h"
#include "operator/state_store.h"

namespace sluice::op::simulation {

/// What can go wrong, in chances a call. All 0: nothing does.
struct Faults {
  double refused = 0;      ///< The write is not done: 429, 500, a broken connection.
  double answer_lost = 0;  ///< It is done, and nobody hears of it.
  double read_failed = 0;
  double crash = 0;        ///< The process ends right before or right after a write.
  double call_failed = 0;  ///< A gateway does not hear a call.
  double call_lost = 0;    ///< It does, and its answer is lost.
};

/// Thrown out of a reconcile when the process ends.
struct Crashed {};

class SimOperator {
 public:
  /// `caches` is what its first lists show, which may be old.
  SimOperator(World& world, Oracle& oracle, const Faults& faults, const Cache& caches);

  void reconcile();
  /// Asks a pod's gateway for its state, as the poller does.
  void poll(const std::string& uid);
  /// Time makes a difference now.
  [[nodiscard]] bool due() const { return wake_at_ && world_.clock.steady() >= *wake_at_; }
  /// UIDs of pods whose gateways are polled, and whether a decision waits for it.
  [[nodiscard]] const std::map<std::string, bool>& targets() const { return targets_; }

  Cache cache;
  std::int64_t writes = 0;  ///< Committed ones that changed something, without status and reports.
  std::int64_t actions = 0;
  std::map<std::string, std::int64_t> met;  ///< As simulation.h's Outcome says.

 private:
  enum class Fate { kDone, kRefused, kLost };

  Fate draw();
  void maybe_crash();
  std::vector<PodPtr> newest_pods();
  kube::Object newest_gateway();
  Observed look(const kube::Json& gateway, const std::vector<PodPtr>& pods);
  [[nodiscard]] std::set<std::string> asked_to_evict() const;
  void keep_revision(const kube::Json& gateway);
  void set_targets(const GatewaySpec& spec, const Observed& seen, const Plan& plan);
  void remember(const Observed& seen, const Plan& plan);
  void report_evictions(const GatewaySpec& spec, const Observed& seen);
  bool is_report_due(const std::string& eviction_uid, bool last);
  void write_status(const kube::Json& status);

  void note_met(const Plan& plan);
  void apply(const kube::Json& gateway, const Plan& plan, const std::vector<PodPtr>& pods);
  void call_gateways(const Plan& plan);
  bool patch(const PodRef& pod, const kube::Json& labels, const kube::Json& annotations);
  void remove(const DeletePod& removal, const std::vector<PodPtr>& pods);
  void cancel(const CancelDrain& cancel);
  bool create(const NewPod& pod);
  void settle(const std::string& pod);
  void write_gateway(const std::function<Status()>& write);
  std::optional<GatewayState> call(const PodRef& pod, double rate,
                                   const std::function<std::optional<GatewayState>()>& make);
  void probe(const ProbePod& pod);

  World& world_;
  Oracle& oracle_;
  const Faults& faults_;
  PodWrites pod_writes_;
  ObjectWrites gateway_writes_;
  StateStore states_;
  Memory memory_;
  std::map<std::string, ProbeCount> probes_;   ///< By UID.
  std::map<std::string, bool> last_answered_;  ///< By UID: whether the last poll was answered.
  struct Reported {
    SteadyTime at{};
    bool last = false;
  };
  std::map<std::string, Reported> reported_;  ///< By UID of the Eviction.
  std::map<std::string, bool> targets_;
  std::optional<SteadyTime> wake_at_;
};

}  // namespace sluice::op::simulation
