#include "operator/poll_schedule.h"

#include <algorithm>
#include <set>
#include <tuple>

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
    case PollUrgency::kWatched:
      return entry.asked_at + kPollWatched;
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
  std::erase_if(entries_, [&](const auto& entry) {
    if (entry.second.target.key != key || kept.contains(entry.first)) return false;
    count(entry.second, -1);
    return true;
  });
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
  Entry* draining = nullptr;
  Entry* other = nullptr;
  for (auto& [uid, entry] : entries_) {
    const PollUrgency urgency = urgency_of(entry);
    if (entry.in_flight || due_of(entry) > now || (candidates_only && urgency != PollUrgency::kCandidate)) continue;
    const auto order = [this](const Entry& e) {
      const PollUrgency of = urgency_of(e);
      // Many that are watched must not keep the others waiting for ever: what those say shows whether it is us.
      return std::make_tuple(of == PollUrgency::kWatched ? PollUrgency::kOther : of, e.asked_at);
    };
    Entry*& best = urgency == PollUrgency::kDraining ? draining : other;
    if (best == nullptr || order(entry) < order(*best)) best = &entry;
  }
  Entry* chosen = draining == nullptr || (last_was_draining_ && other != nullptr) ? other : draining;
  if (chosen == nullptr) return std::nullopt;
  chosen->asked_at = now;
  chosen->in_flight = true;
  last_ = now;
  last_was_draining_ = chosen == draining;
  PollTarget target = chosen->target;
  target.urgency = urgency_of(*chosen);
  return target;
}

void PollSchedule::count(const Entry& entry, int by) {
  if (!entry.answered) return;
  tally_.heard += by;
  if (!*entry.answered) tally_.failing += by;
}

void PollSchedule::finished(const std::string& uid, bool answered) {
  const auto it = entries_.find(uid);
  if (it == entries_.end()) return;
  it->second.in_flight = false;
  count(it->second, -1);
  it->second.answered = answered;
  count(it->second, 1);
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
