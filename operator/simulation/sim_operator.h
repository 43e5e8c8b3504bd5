// One process of the operator in the simulation: the real observe, plan, status and memory, and what the Applier does
// with a plan done to the model world. Calls fail, are committed without an answer, or end the process in between.
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
  SimOperator(World& world, Oracle& oracle, const Faults& faults);

  void reconcile();
  /// Asks a pod's gateway for its state, as the poller does.
  void poll(const std::string& uid);
  /// Time makes a difference now.
  [[nodiscard]] bool due() const { return wake_at_ && world_.clock.steady() >= *wake_at_; }
  [[nodiscard]] const std::set<std::string>& wanted() const { return wanted_; }

  Cache cache;
  std::int64_t writes = 0;  ///< Committed ones that changed something, without the status.
  std::int64_t actions = 0;

 private:
  enum class Fate { kDone, kRefused, kLost };

  Fate draw();
  void maybe_crash();
  void apply(const Plan& plan, const std::vector<PodPtr>& pods);
  bool patch(const PodRef& pod, const kube::Json& labels, const kube::Json& annotations);
  void remove(const DeletePod& removal, const std::vector<PodPtr>& pods);
  bool create(const NewPod& pod);
  void settle(const std::string& pod);
  void write_finalizer(bool ours);
  void keep_revision(const kube::Json& gateway);
  std::optional<GatewayState> call(const PodRef& pod, double rate,
                                   const std::function<std::optional<GatewayState>()>& make);
  void probe(const ProbePod& pod);
  void remember(const Observed& seen, const Plan& plan);
  std::vector<PodPtr> newest_pods();
  kube::Object newest_gateway();
  Observed look(const kube::Json& gateway, const std::vector<PodPtr>& pods);

  World& world_;
  Oracle& oracle_;
  const Faults& faults_;
  PodWrites pod_writes_;
  ObjectWrites gateway_writes_;
  StateStore states_;
  Memory memory_;
  std::map<std::string, ProbeCount> probes_;   ///< By UID.
  std::map<std::string, bool> last_answered_;  ///< By UID: whether the last poll was answered.
  std::set<std::string> wanted_;               ///< UIDs whose states a choice waits for.
  std::optional<SteadyTime> wake_at_;
};

}  // namespace sluice::op::simulation
