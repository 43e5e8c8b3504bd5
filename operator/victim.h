// Which pod goes: the one whose going costs its users least. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/model.h"

namespace sluice::op {

struct Victim {
  const PodView* pod = nullptr;
  std::optional<std::int64_t> cost;  ///< Connections that have to move; unset where nobody knows.
};

struct VictimChoice {
  std::vector<Victim> victims;      ///< At most as many as asked for, cheapest first.
  std::optional<Victim> runner_up;  ///< The next one, for the event.
  /// UIDs whose states must be asked for first; `victims` holds only pods that never started then.
  std::vector<std::string> states_wanted;
};

/// Cheapest first: never started, then not ready, then ready; of these old revisions first; then the fewest
/// connections; the newest and then the name decide between equals. A running pod is only chosen by a state that is at
/// most `fresh` old; one that was asked in that time and did not answer comes last, since nobody knows what it holds.
/// Of the pods that have started less than kVictimCandidatesMax are chosen at once: no more states than that can be
/// fresh at one moment. The candidates must outlive the choice.
VictimChoice choose_victims(std::vector<const PodView*> candidates, std::string_view update_revision, int count,
                            Duration fresh);

}  // namespace sluice::op
