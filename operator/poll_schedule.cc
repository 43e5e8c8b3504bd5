#include "operator/poll_schedule.h"

#include <algorithm>
#include <set>

#include "operator/limits.h"

namespace sluice::op {

PollUrgency PollSchedule::urgency_of(const Entry& entry) const {
  if (entry.target.urgency != PollUrgency::kCandidate) return entry.target.urgency;
  const bool its_turn = !choosing_.empty() && choosing_.front() == entry.target.key;
  return its_turn ? PollUrgency::kCandidate : PollUrgency::kOther;
}

SteadyTime PollSchedule::due_of(const Entry& entry) const {
  switch (urgency_of(entry)) {
    case PollUrgency::kDraining:
      return entry.asked_at + kPollDraining;
    case PollUrgency::kCandidate:
      return entry.asked_at + kPollCandidate;
    case PollUrgency::kCanary:
      return entry.asked_at + kPollCanary;
    case PollUrgency::kOther:
      break;
  }
  return entry.asked_at + kPollOther;
}

void PollSchedule::set_targets(const std::string& key, const std::vector<PollTarget>& targets) {
  std::set<std::string> kept;
  bool chooses = false;
  for (const PollTarget& target : targets) {
    kept.insert(target.uid);
    entries_[target.uid].target = target;
    chooses = chooses || target.urgency == PollUrgency::kCandidate;
  }
  std::erase_if(entries_,
                [&](const auto& entry) { return entry.second.target.key == key && !kept.contains(entry.first); });
  const auto place = std::find(choosing_.begin(), choosing_.end(), key);
  if (chooses && place == choosing_.end()) choosing_.push_back(key);
  if (!chooses && place != choosing_.end()) choosing_.erase(place);
}

/// A choice that does not come about (its reconciles fail) must not keep the others waiting.
void PollSchedule::pass_turn(SteadyTime now) {
  if (choosing_.empty()) {
    turn_of_.clear();
    return;
  }
  if (choosing_.front() == turn_of_) {
    if (now - turn_since_ < kCandidateTurnMax) return;
    choosing_.push_back(std::move(choosing_.front()));
    choosing_.pop_front();
  }
  turn_of_ = choosing_.front();
  turn_since_ = now;
}

std::optional<PollTarget> PollSchedule::next(SteadyTime now, bool candidates_only) {
  if (now < last_ + kPollSpacing) return std::nullopt;
  pass_turn(now);
  // The one of each urgency that has waited longest.
  Entry *draining = nullptr, *candidate = nullptr, *canary = nullptr, *other = nullptr;
  for (auto& [uid, entry] : entries_) {
    const PollUrgency urgency = urgency_of(entry);
    if (entry.in_flight || due_of(entry) > now || (candidates_only && urgency != PollUrgency::kCandidate)) continue;
    Entry*& best = urgency == PollUrgency::kDraining    ? draining
                   : urgency == PollUrgency::kCandidate ? candidate
                   : urgency == PollUrgency::kCanary    ? canary
                                                        : other;
    if (best == nullptr || entry.asked_at < best->asked_at) best = &entry;
  }
  Entry* calm = canary == nullptr || (last_was_canary_ && other != nullptr) ? other : canary;
  Entry* rest = candidate != nullptr ? candidate : calm;
  Entry* chosen = draining == nullptr || (last_was_draining_ && rest != nullptr) ? rest : draining;
  if (chosen == nullptr) return std::nullopt;
  chosen->asked_at = now;
  chosen->in_flight = true;
  last_ = now;
  last_was_draining_ = chosen == draining;
  if (chosen == calm) last_was_canary_ = chosen == canary;
  PollTarget target = chosen->target;
  target.urgency = urgency_of(*chosen);
  return target;
}

void PollSchedule::finished(const std::string& uid) {
  const auto it = entries_.find(uid);
  if (it != entries_.end()) it->second.in_flight = false;
}

std::optional<SteadyTime> PollSchedule::next_due(bool candidates_only) const {
  std::optional<SteadyTime> earliest;
  for (const auto& [uid, entry] : entries_) {
    if (entry.in_flight || (candidates_only && urgency_of(entry) != PollUrgency::kCandidate)) continue;
    if (!earliest || due_of(entry) < *earliest) earliest = due_of(entry);
  }
  if (earliest) earliest = std::max(*earliest, last_ + kPollSpacing);
  return earliest;
}

}  // namespace sluice::op
