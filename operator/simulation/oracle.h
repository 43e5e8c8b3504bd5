// What must hold whatever happens: asked at every write of the operator and at every moment. A violation ends the run
// with a sentence; the seed repeats it. Drains, deletes, creates and the budget: oracle.cc; canary steps:
// oracle_canary.cc; healing, traffic and sheds: oracle_health.cc; evictions: oracle_evictions.cc; what is left to do in
// peace: unfinished.h.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "operator/drain_record.h"
#include "operator/plan.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {

/// The operator's view may lie so far back: caches lag, answers are lost, processes begin anew.
inline constexpr Duration kViewAge{60'000};

class Oracle {
 public:
  /// Is asked by `world` about its evictions.
  explicit Oracle(World& world);
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  // Before the write is committed, or the gateway called.
  void starting_drain(const std::string& pod, const std::string& version, DrainReason reason);
  void deleting(const std::string& pod, const std::string& uid, const std::string& version);
  void creating(const std::string& revision);
  void kicking(const SetHealth& change);
  void relabeling(const Relabel& change);
  void shedding(const ShedOrder& order);
  void reporting(const std::string& eviction, const kube::Json& responder);
  /// What a plan makes of the canary's step, as the operator read it before.
  void stepping(const CanaryProgress& before, const CanaryDecision& decision);
  /// The eviction API is about to delete a pod: every budget has let it.
  void evicting(const Pod& pod);
  /// At every moment.
  void look();

  [[nodiscard]] const std::string& violation() const { return violation_; }
  /// Keeps the first one, with the world as it was then.
  void violated(const std::string& what);

 private:
  /// A stretch of the past in which all this was the same.
  struct Past {
    SteadyTime from{};
    SteadyTime to{};
    std::shared_ptr<const GatewaySpec> spec;
    int receivers = 0;
    std::string promoted;          ///< Annotation sluice.dev/promote.
    std::string current_revision;  ///< status.currentRevision.
    std::set<std::string> live_revisions;
    std::set<std::string> leaving;  ///< UIDs of pods that are to go for what they are: their place is filled before.
    std::set<std::string> going_nodes;
    std::set<std::string> draining;  ///< UIDs.

    [[nodiscard]] bool same_as(const Past& other) const;
  };
  struct Losses {
    SteadyTime at{};
    int pods = 0;
  };
  [[nodiscard]] Past present() const;
  [[nodiscard]] bool is_leaving(const Pod& pod) const;
  [[nodiscard]] bool was_leaving(const Pod& pod) const;
  [[nodiscard]] int lost_lately();
  /// The pod where a write that is conditional on `version` would hit it.
  [[nodiscard]] const Pod* hit(const std::string& name, const std::string& version) const;
  [[nodiscard]] bool always(const std::function<bool(const Past&)>& holds) const;
  [[nodiscard]] double rates_in_effect() const;
  [[nodiscard]] double budget_most() const;
  void check_share(const std::string& revision);
  [[nodiscard]] bool goes_in_steps(const std::string& revision) const;
  void check_begin(const CanaryProgress& after, const CanaryDecision& decision);
  void check_pass(const CanaryProgress& before, const CanaryDecision& decision);

  World& world_;
  std::deque<Past> past_;       ///< So far back as the operator's view may lie; the last one is the present.
  std::int64_t looked_at_ = 0;  ///< The world's version at the last look.
  std::deque<Losses> losses_;
  std::string stepped_;  ///< The revision whose steps are taken now, ...
  int place_ = 0;        ///< ... and how far they have come.
  std::string violation_;
};

/// Serves clients who come: live, ready, in the endpoints and not out of the fleet.
bool receives(const Pod& pod);
/// Is out of the fleet, whatever else: its label says offline.
bool is_offline(const Pod& pod);

}  // namespace sluice::op::simulation
