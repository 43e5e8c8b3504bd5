// Which pod goes: the one whose going costs its users least. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

struct Victim {
  const PodView* pod = nullptr;
  std::optional<std::int64_t> cost;  ///< Connections times session cost; unset where nobody knows.
  std::string why;                   ///< What sets it apart from the runner-up: "it is not ready". Empty without one.
};

struct VictimChoice {
  std::vector<Victim> victims;      ///< At most as many as asked for, cheapest first.
  std::optional<Victim> runner_up;  ///< The next one, for the event.
  /// UIDs whose states must be asked for first; `victims` holds only pods that never started then.
  std::vector<std::string> states_wanted;
};

/// What a choice goes by, beside the pods themselves.
struct VictimRules {
  std::string_view update_revision;
  std::string_view former_revision;  ///< The one before it; what is of neither was given up halfway and goes first.
  VictimOrder order = VictimOrder::kLeastCost;
  std::set<std::string> requested;  ///< Names of pods that go first.
  std::set<std::string> crowded;    ///< Topology domains with more than their even share of pods.
  Duration fresh{0};                ///< A state older than this is asked again.
};

/// The domains among the pods' that hold more than their even share, rounded up.
std::set<std::string> crowded_domains(const std::vector<const PodView*>& pods);

/// What moving all connections of a pod costs: connections times session cost, by its annotation or else as its gateway
/// says (1 at least). Unset where its state is older than `fresh`; 0 where its container does not run.
std::optional<std::int64_t> cost_of(const PodView& pod, Duration fresh);

/// In this order: never started, asked to go (podsToDrain, its node, an eviction), not ready, of a revision given up
/// halfway, of an old revision, in a crowded domain, and then by cost (or by age, as the rules say); the newest and
/// then the name decide between equals. A running pod is only chosen by a state that is fresh; one that was asked in
/// that time and did not answer comes last, since nobody knows what it holds. Of the pods that have started less than
/// kVictimCandidatesMax are chosen at once: no more states than that can be fresh at one moment. The candidates must
/// outlive the choice.
VictimChoice choose_victims(std::vector<const PodView*> candidates, const VictimRules& rules, int count);

}  // namespace sluice::op
