// What happens to a fleet beside the operator: people change the spec, promote steps and edit labels; pods crash, hang
// and are deleted; nodes are cordoned, drained, lost and replaced; pods are asked to go. Each episode has its own
// weather: calm about one thing and wild about another.
#pragma once

#include <cstdint>
#include <string>

#include "operator/simulation/sim_operator.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {

class Disturbances {
 public:
  explicit Disturbances(World& world) : world_(world) {}

  /// A new weather.
  void change_weather();
  /// What happens at this moment.
  void strike();
  /// Nothing more happens, and what was broken is whole again. What people have asked for stays.
  void end();

  [[nodiscard]] const Faults& faults() const { return faults_; }
  /// A chance a moment that a kind of the operator's watches stands still for a while.
  [[nodiscard]] double watch_stops() const { return watch_stops_; }
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  bool chance(double of) { return world_.random.unit() < of; }
  int below(int bound) { return static_cast<int>(world_.random.below(static_cast<std::uint64_t>(bound))); }
  double up_to(double most) { return chance(0.5) ? 0 : most * world_.random.unit(); }
  Pod* any_pod();
  std::string any_node();
  void write_spec(const char* group, kube::Json fields);

  void change_spec();
  void change_rollout();
  void change_healing();
  void promote();
  void hit_pod();
  void hit_node();
  void edit();
  void ask_to_go();

  World& world_;
  Faults faults_;
  std::int64_t count_ = 0;
  double spec_changes_ = 0;
  double pod_hits_ = 0;
  double node_hits_ = 0;
  double edits_ = 0;
  double evictions_ = 0;
  double clients_ = 0;
  double watch_stops_ = 0;
};

}  // namespace sluice::op::simulation
