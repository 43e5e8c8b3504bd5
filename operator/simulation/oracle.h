// What must hold whatever happens: asked at every write of the operator and at every moment. A violation ends the run
// with a sentence; the seed repeats it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "operator/drain_record.h"
#include "operator/plan.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {

class Oracle {
 public:
  explicit Oracle(World& world) : world_(world) {}

  // Before the write is committed.
  void starting_drain(const std::string& pod, const std::string& version, DrainReason reason);
  void deleting(const std::string& pod, const std::string& uid, const std::string& version);
  void creating();
  void kicking(const SetHealth& change);
  /// At every moment.
  void look();
  /// Pods were lost, or stopped serving, for a reason that is not the operator's.
  void disturbed(int pods) { disturbances_.push_back({world_.clock.steady(), pods}); }

  /// Why the fleet is not as the spec asks for, though nothing disturbs it; empty where it is.
  [[nodiscard]] std::string unfinished() const;

  [[nodiscard]] const std::string& violation() const { return violation_; }
  /// Keeps the first one, with the world as it was then.
  void violated(const std::string& what);

 private:
  struct Past {
    SteadyTime at{};
    int replicas = 0;
    int needed = 0;  ///< Available pods that the spec asks for at least.
    int drains_max = 0;
    int surge = 0;
    double budget = 0;
  };
  struct Disturbance {
    SteadyTime at{};
    int pods = 0;
  };
  [[nodiscard]] int lost_lately() const;

  World& world_;
  std::deque<Past> past_;  ///< So far back as the operator's view may lie.
  std::deque<Disturbance> disturbances_;
  std::string violation_;
};

}  // namespace sluice::op::simulation
