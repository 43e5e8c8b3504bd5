#include "operator/victim.h"

#include <algorithm>
#include <tuple>

#include "operator/limits.h"

namespace sluice::op {
namespace {

std::optional<std::int64_t> cost_of(const PodView& pod, Duration fresh) {
  if (pod.container != ContainerState::kRunning) return 0;
  if (pod.state_fresh(fresh)) return pod.state->connections;
  return std::nullopt;
}

/// The order of choice; smaller goes first. Where the count is `unknown`, `connections` says nothing.
auto rank(const PodView& pod, std::string_view update_revision, std::int64_t connections, bool unknown) {
  const int health = pod.container == ContainerState::kNeverStarted ? 0 : pod.ready ? 2 : 1;
  return std::make_tuple(health, pod.revision == update_revision ? 1 : 0, unknown, connections,
                         -pod.created.time_since_epoch().count(), std::string_view(pod.name));
}

bool answer_outstanding(const PodView& pod, Duration fresh) {
  if (pod.container != ContainerState::kRunning || pod.address.empty()) return false;
  const bool just_failed = pod.failure_age && *pod.failure_age <= fresh;
  return !pod.state_fresh(fresh) && !just_failed;
}

}  // namespace

VictimChoice choose_victims(std::vector<const PodView*> candidates, std::string_view update_revision, int count,
                            Duration fresh) {
  VictimChoice choice;
  if (count <= 0 || candidates.empty()) return choice;

  // By what was last heard, to find the few worth asking again. A pod never heard of may be the emptiest: it is asked.
  std::sort(candidates.begin(), candidates.end(), [&](const PodView* a, const PodView* b) {
    const auto known = [](const PodView* pod) { return pod->state ? pod->state->connections : 0; };
    return rank(*a, update_revision, known(a), false) < rank(*b, update_revision, known(b), false);
  });
  // What never ran comes first and needs no answer.
  auto next = candidates.begin();
  for (; next != candidates.end() && (*next)->container == ContainerState::kNeverStarted && count > 0; --count) {
    choice.victims.push_back({*next++, 0});
  }
  candidates.erase(candidates.begin(), next);
  if (candidates.size() > kVictimCandidatesMax) candidates.resize(kVictimCandidatesMax);
  count = std::min(count, kVictimCandidatesMax - 1);
  if (count > 0) {
    for (const PodView* pod : candidates) {
      if (answer_outstanding(*pod, fresh)) choice.states_wanted.push_back(pod->uid);
    }
    if (!choice.states_wanted.empty()) return choice;
  }

  std::sort(candidates.begin(), candidates.end(), [&](const PodView* a, const PodView* b) {
    const auto cost_a = cost_of(*a, fresh);
    const auto cost_b = cost_of(*b, fresh);
    return rank(*a, update_revision, cost_a.value_or(0), !cost_a) <
           rank(*b, update_revision, cost_b.value_or(0), !cost_b);
  });
  for (const PodView* pod : candidates) {
    const Victim victim{pod, cost_of(*pod, fresh)};
    if (count-- <= 0) {
      choice.runner_up = victim;
      break;
    }
    choice.victims.push_back(victim);
  }
  return choice;
}

}  // namespace sluice::op
