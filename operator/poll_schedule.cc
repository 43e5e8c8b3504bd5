#include "operator/poll_schedule.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "operator/limits.h"

namespace sluice::op {

SteadyTime PollSchedule::Entry::due() const {
  switch (target.urgency) {
    case PollUrgency::kDraining:
      return asked_at + kPollDraining;
    case PollUrgency::kCandidate:
      return asked_at + kPollCandidate;
    case PollUrgency::kOther:
      break;
  }
  return asked_at + kPollOther;
}

void PollSchedule::set_targets(const std::string& key, const std::vector<PollTarget>& targets) {
  std::set<std::string> kept;
  for (const PollTarget& target : targets) {
    kept.insert(target.uid);
    entries_[target.uid].target = target;
  }
  std::erase_if(entries_,
                [&](const auto& entry) { return entry.second.target.key == key && !kept.contains(entry.first); });
}

std::optional<PollTarget> PollSchedule::next(SteadyTime now) {
  if (now < last_ + kPollSpacing) return std::nullopt;
  Entry* best = nullptr;
  for (auto& [uid, entry] : entries_) {
    if (entry.in_flight || entry.due() > now) continue;
    const auto order = [](const Entry& e) { return std::make_tuple(e.target.urgency, e.asked_at); };
    if (best == nullptr || order(entry) < order(*best)) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  best->asked_at = now;
  best->in_flight = true;
  last_ = now;
  return best->target;
}

void PollSchedule::finished(const std::string& uid) {
  const auto it = entries_.find(uid);
  if (it != entries_.end()) it->second.in_flight = false;
}

std::optional<SteadyTime> PollSchedule::next_due() const {
  std::optional<SteadyTime> earliest;
  for (const auto& [uid, entry] : entries_) {
    if (!entry.in_flight && (!earliest || entry.due() < *earliest)) earliest = entry.due();
  }
  if (earliest) earliest = std::max(*earliest, last_ + kPollSpacing);
  return earliest;
}

}  // namespace sluice::op
