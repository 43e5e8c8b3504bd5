#include "operator/victim.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "operator/limits.h"

namespace sluice::op {
namespace {

std::int64_t cost_of(const GatewayState& state) {
  return std::llround(static_cast<double>(state.connections) * std::max(state.session_cost, 1.0));
}

std::optional<std::int64_t> cost_of(const PodView& pod, Duration fresh) {
  if (pod.container != ContainerState::kRunning) return 0;
  if (pod.state_fresh(fresh)) return cost_of(*pod.state);
  return std::nullopt;
}

/// The order of choice; smaller goes first. Where the cost is `unknown`, `cost` says nothing.
auto rank(const PodView& pod, const VictimRules& rules, std::int64_t cost, bool unknown) {
  const int health = pod.container == ContainerState::kNeverStarted ? 0 : pod.ready && !pod.offline() ? 2 : 1;
  const auto age = -pod.created.time_since_epoch().count();  // Smaller is newer.
  const auto first = rules.order == VictimOrder::kLeastCost ? std::make_tuple(unknown, cost)
                     : rules.order == VictimOrder::kNewest  ? std::make_tuple(false, std::int64_t{age})
                                                            : std::make_tuple(false, std::int64_t{-age});
  return std::make_tuple(health > 0, !rules.requested.contains(pod.name), health, pod.revision == rules.update_revision,
                         !rules.crowded.contains(pod.domain), first, age, std::string_view(pod.name));
}

bool answer_outstanding(const PodView& pod, Duration fresh) {
  if (pod.container != ContainerState::kRunning || pod.address.empty()) return false;
  const bool just_failed = pod.failure_age && *pod.failure_age <= fresh;
  return !pod.state_fresh(fresh) && !just_failed;
}

}  // namespace

std::set<std::string> crowded_domains(const std::vector<const PodView*>& pods) {
  std::map<std::string, std::size_t> pods_in;
  for (const PodView* pod : pods) {
    if (!pod->domain.empty()) ++pods_in[pod->domain];
  }
  std::set<std::string> crowded;
  for (const auto& [domain, count] : pods_in) {
    if (count * pods_in.size() > pods.size() + pods_in.size() - 1) crowded.insert(domain);
  }
  return crowded;
}

VictimChoice choose_victims(std::vector<const PodView*> candidates, const VictimRules& rules, int count) {
  VictimChoice choice;
  if (count <= 0 || candidates.empty()) return choice;

  // By what was last heard, to find the few worth asking again. A pod never heard of may be the emptiest: it is asked.
  std::sort(candidates.begin(), candidates.end(), [&](const PodView* a, const PodView* b) {
    const auto known = [](const PodView* pod) { return pod->state ? cost_of(*pod->state) : 0; };
    return rank(*a, rules, known(a), false) < rank(*b, rules, known(b), false);
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
      if (answer_outstanding(*pod, rules.fresh)) choice.states_wanted.push_back(pod->uid);
    }
    if (!choice.states_wanted.empty()) return choice;
  }

  std::sort(candidates.begin(), candidates.end(), [&](const PodView* a, const PodView* b) {
    const auto cost_a = cost_of(*a, rules.fresh);
    const auto cost_b = cost_of(*b, rules.fresh);
    return rank(*a, rules, cost_a.value_or(0), !cost_a) < rank(*b, rules, cost_b.value_or(0), !cost_b);
  });
  for (const PodView* pod : candidates) {
    const Victim victim{pod, cost_of(*pod, rules.fresh)};
    if (count-- <= 0) {
      choice.runner_up = victim;
      break;
    }
    choice.victims.push_back(victim);
  }
  return choice;
}

}  // namespace sluice::op
