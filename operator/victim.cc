#include "operator/victim.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

#include "operator/limits.h"

namespace sluice::op {
namespace {

/// Above any fleet's; more would overflow a count.
constexpr double kCostMax = 1e15;

std::int64_t known_cost(const PodView& pod) {
  if (!pod.state) return 0;
  const double session = pod.session_cost.value_or(std::max(pod.state->session_cost, 1.0));
  return std::llround(std::min(static_cast<double>(pod.state->connections) * session, kCostMax));
}

/// Which revision's pods are worth more.
int worth_of(const PodView& pod, const VictimRules& rules) {
  if (pod.revision == rules.update_revision) return 2;
  return pod.revision == rules.former_revision ? 1 : 0;
}

/// What comes before cost or age, in this order; smaller goes first.
std::array<int, 5> precedence(const PodView& pod, const VictimRules& rules) {
  const bool asked = pod.asked_to_go || rules.requested.contains(pod.name);
  return {pod.container != ContainerState::kNeverStarted, !asked, pod.ready && !pod.offline(), worth_of(pod, rules),
          !rules.crowded.contains(pod.domain)};
}

std::string why_before(const PodView& pod, const PodView& next, const VictimRules& rules) {
  const auto ours = precedence(pod, rules);
  const auto theirs = precedence(next, rules);
  const std::array<std::string, 5> words{"it has never run", "it was asked to go", "it is not ready",
                                         "it is of an old revision", "most pods are in its domain " + pod.domain};
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (ours[i] != theirs[i]) return words[i];
  }
  switch (rules.order) {
    case VictimOrder::kNewest:
      return "it is the newest";
    case VictimOrder::kOldest:
      return "it is the oldest";
    case VictimOrder::kLeastCost:
      break;
  }
  return "it costs least";
}

/// The order of choice; smaller goes first. Where the cost is `unknown`, `cost` says nothing.
auto rank(const PodView& pod, const VictimRules& rules, std::int64_t cost, bool unknown) {
  const auto age = -pod.created.time_since_epoch().count();  // Smaller is newer.
  const auto first = rules.order == VictimOrder::kLeastCost ? std::make_tuple(unknown, cost)
                     : rules.order == VictimOrder::kNewest  ? std::make_tuple(false, std::int64_t{age})
                                                            : std::make_tuple(false, std::int64_t{-age});
  return std::make_tuple(precedence(pod, rules), first, age, std::string_view(pod.name));
}

bool answer_outstanding(const PodView& pod, Duration fresh) {
  if (pod.container != ContainerState::kRunning || pod.address.empty()) return false;
  const bool just_failed = pod.failure_age && *pod.failure_age <= fresh;
  return !pod.state_fresh(fresh) && !just_failed;
}

}  // namespace

std::optional<std::int64_t> cost_of(const PodView& pod, Duration fresh) {
  if (pod.container != ContainerState::kRunning) return 0;
  if (!pod.state_fresh(fresh)) return std::nullopt;
  return known_cost(pod);
}

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
    return rank(*a, rules, known_cost(*a), false) < rank(*b, rules, known_cost(*b), false);
  });
  // What never ran comes first and needs no answer.
  auto next = candidates.begin();
  for (; next != candidates.end() && (*next)->container == ContainerState::kNeverStarted && count > 0; --count) {
    choice.victims.push_back({*next++, 0, {}});
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
    const Victim victim{pod, cost_of(*pod, rules.fresh), {}};
    if (count-- <= 0) {
      choice.runner_up = victim;
      break;
    }
    choice.victims.push_back(victim);
  }
  if (choice.runner_up) {
    for (Victim& victim : choice.victims) victim.why = why_before(*victim.pod, *choice.runner_up->pod, rules);
  }
  return choice;
}

}  // namespace sluice::op
