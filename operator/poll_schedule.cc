#include "operator/poll_schedule.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/limits.h"

namespace sluice::op {
namespace {

constexpr Duration period_of(PollUrgency urgency) {
  switch (urgency) {
    case PollUrgency::kDraining:
      return kPollDraining;
    case PollUrgency::kCandidate:
      return kPollCandidate;
    case PollUrgency::kCanary:
      return kPollCanary;
    case PollUrgency::kWatched:
      return kPollWatched;
    case PollUrgency::kOther:
      break;
  }
  return kPollOther;
}

}  // namespace

PollUrgency PollSchedule::urgency_of(const Entry& entry) const {
  if (entry.urgency != PollUrgency::kCandidate) return entry.urgency;
  const bool its_turn = !in_turn_.empty() && in_turn_ == entry.fleet->key;
  return its_turn ? PollUrgency::kCandidate : PollUrgency::kOther;
}

PollSchedule::Queue& PollSchedule::queue_of(const Entry& entry) {
  if (entry.fleet->resting) return entry.fleet->queue;
  return queues_[static_cast<std::size_t>(urgency_of(entry))];
}

/// Who has its turn in a queue, if it is due: of one urgency whoever was asked first is due first.
PollSchedule::Entry* PollSchedule::first_due(PollUrgency urgency, SteadyTime now) const {
  const Queue& queue = queues_[static_cast<std::size_t>(urgency)];
  const bool due = !queue.empty() && (*queue.begin())->asked_at + period_of(urgency) <= now;
  return due ? *queue.begin() : nullptr;
}

/// Those that neither drain nor are candidates. Many that are watched must not keep the others waiting for ever: what
/// those say shows whether it is us. Neither must a canary's pods.
PollSchedule::Entry* PollSchedule::calm_due(SteadyTime now) {
  if (Entry* resting = resting_due(now)) return resting;  // They are few.
  Entry* canary = first_due(PollUrgency::kCanary, now);
  Entry* watched = first_due(PollUrgency::kWatched, now);
  Entry* other = first_due(PollUrgency::kOther, now);
  if (other == nullptr || (watched != nullptr && InTurn()(watched, other))) other = watched;
  return canary == nullptr || (last_was_canary_ && other != nullptr) ? other : canary;
}

PollSchedule::Entry* PollSchedule::resting_due(SteadyTime now) const {
  if (resting_.empty() || now < last_resting_ + kRestingSpacing) return nullptr;
  const Fleet& fleet = **resting_.begin();
  return fleet.due_at <= now ? *fleet.queue.begin() : nullptr;
}

void PollSchedule::enqueue(Entry& entry) {
  if (entry.in_flight) return;
  queue_of(entry).insert(&entry);
  place(*entry.fleet);
}

void PollSchedule::dequeue(Entry& entry) {
  if (entry.in_flight) return;
  queue_of(entry).erase(&entry);
  place(*entry.fleet);
}

/// Its place among the fleets at rest. Those that are sampled often enough for each pod to have its turn in kPollOther
/// are not in a hurry; of those that are late who was sampled longest ago comes first.
void PollSchedule::place(Fleet& fleet) {
  resting_.erase(&fleet);
  if (!fleet.resting || fleet.queue.empty()) return;
  const auto each = kPollOther / static_cast<Duration::rep>(fleet.members.size());
  fleet.due_at = fleet.sampled_at + each;
  resting_.insert(&fleet);
}

void PollSchedule::set_resting(Fleet& fleet, bool resting) {
  if (!resting) fleet.same = 0;
  if (fleet.resting == resting) return;
  for (Entry* entry : fleet.members) dequeue(*entry);
  fleet.resting = resting;
  for (Entry* entry : fleet.members) enqueue(*entry);
}

void PollSchedule::heard(Fleet& fleet, PollResult result) {
  if (result != PollResult::kSame) return set_resting(fleet, false);
  ++fleet.same;
  const int enough = std::min(static_cast<int>(fleet.members.size()), kRestingAfterMax);
  // Who is not known yet has his turn at the full rate: a scale-down waits for the word of all.
  if (fleet.calm && fleet.same >= enough && fleet.unheard == 0) set_resting(fleet, true);
}

bool PollSchedule::take_in(Fleet& fleet, const PollTarget& target, SteadyTime newcomers_due) {
  const auto [known, fresh] = entries_.try_emplace(target.uid);
  Entry& entry = known->second;
  entry.named_in = namings_;
  const bool joins = fresh || entry.fleet != &fleet;
  if (!joins && entry.address == target.address && entry.urgency == target.urgency) return false;
  if (!fresh) dequeue(entry);
  if (!fresh && joins) {
    std::erase(entry.fleet->members, &entry);
    entry.fleet->unheard -= !entry.answered;
  }
  if (joins) fleet.unheard += !entry.answered;
  entry.newcomer = fresh || entry.newcomer;
  if (target.urgency != PollUrgency::kOther) {
    if (entry.newcomer) entry.asked_at = SteadyTime{};  // it has become urgent while it waited
  } else if (fresh) {
    entry.asked_at = std::max(newcomers_due - kPollOther, SteadyTime{});
  }
  entry.uid = &known->first;
  entry.address = target.address;
  entry.urgency = target.urgency;
  entry.fleet = &fleet;
  if (joins) fleet.members.push_back(&entry);
  enqueue(entry);
  return joins;
}

void PollSchedule::remove(Entry& entry) {
  dequeue(entry);
  count(entry, -1);
  entry.fleet->unheard -= !entry.answered;
  const std::string uid = *entry.uid;
  entries_.erase(uid);
}

void PollSchedule::set_targets(const std::string& key, const std::vector<PollTarget>& targets,
                               SteadyTime newcomers_due) {
  const auto [place, unknown] = fleets_.try_emplace(key);
  Fleet& fleet = place->second;
  fleet.key = key;
  const auto is = [&](PollUrgency urgency) { return [urgency](const PollTarget& t) { return t.urgency == urgency; }; };
  fleet.calm = std::all_of(targets.begin(), targets.end(), is(PollUrgency::kOther));
  ++namings_;
  if (unknown) newcomers_due = SteadyTime{};
  bool others = false;  // its members are not those of before
  for (const PollTarget& target : targets) others = take_in(fleet, target, newcomers_due) || others;
  const auto gone = std::stable_partition(fleet.members.begin(), fleet.members.end(),
                                          [&](const Entry* entry) { return entry->named_in == namings_; });
  const bool fewer = gone != fleet.members.end();
  std::for_each(gone, fleet.members.end(), [this](Entry* entry) { remove(*entry); });
  fleet.members.erase(gone, fleet.members.end());
  if (!fleet.calm || others || fewer) set_resting(fleet, false);
  note_choosing(key, std::any_of(targets.begin(), targets.end(), is(PollUrgency::kCandidate)));
}

void PollSchedule::forget(const std::string& key) {
  set_targets(key, {});
  fleets_.erase(key);
}

/// Whether some of the fleet are candidates.
void PollSchedule::note_choosing(const std::string& key, bool chooses) {
  const auto place = std::find(choosing_.begin(), choosing_.end(), key);
  if (chooses == (place != choosing_.end())) return;
  if (chooses) {
    choosing_.push_back(key);
  } else {
    choosing_.erase(place);
  }
  update_turn();
}

/// The candidates of the first choice are urgent, and those of the one before it no more.
void PollSchedule::update_turn() {
  const std::string next = choosing_.empty() ? std::string() : choosing_.front();
  if (next == in_turn_) return;
  std::vector<Entry*> moved;
  for (const std::string& key : {in_turn_, next}) {
    const auto fleet = fleets_.find(key);
    if (fleet == fleets_.end()) continue;
    const std::vector<Entry*>& members = fleet->second.members;
    std::copy_if(members.begin(), members.end(), std::back_inserter(moved),
                 [](const Entry* entry) { return entry->urgency == PollUrgency::kCandidate; });
  }
  for (Entry* entry : moved) dequeue(*entry);
  in_turn_ = next;
  for (Entry* entry : moved) enqueue(*entry);
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
    update_turn();
  }
  turn_of_ = choosing_.front();
  turn_since_ = now;
}

std::optional<PollTarget> PollSchedule::next(SteadyTime now, bool candidates_only) {
  if (now < last_ + kPollSpacing) return std::nullopt;
  pass_turn(now);
  Entry* draining = candidates_only ? nullptr : first_due(PollUrgency::kDraining, now);
  Entry* other = first_due(PollUrgency::kCandidate, now);
  const bool calm = other == nullptr && !candidates_only;
  if (calm) other = calm_due(now);
  Entry* chosen = draining == nullptr || (last_was_draining_ && other != nullptr) ? other : draining;
  if (chosen == nullptr) return std::nullopt;
  dequeue(*chosen);
  chosen->asked_at = now;
  chosen->newcomer = false;
  chosen->in_flight = true;
  chosen->fleet->sampled_at = now;
  place(*chosen->fleet);
  if (chosen->fleet->resting) last_resting_ = now;
  last_ = now;
  last_was_draining_ = chosen == draining;
  if (calm && chosen == other) last_was_canary_ = urgency_of(*chosen) == PollUrgency::kCanary;
  return PollTarget{*chosen->uid, chosen->address, chosen->fleet->key, urgency_of(*chosen)};
}

void PollSchedule::count(const Entry& entry, int by) {
  if (!entry.answered) return;
  tally_.heard += by;
  if (!*entry.answered) tally_.failing += by;
}

void PollSchedule::finished(const std::string& uid, PollResult result) {
  const auto it = entries_.find(uid);
  if (it == entries_.end()) return;
  count(it->second, -1);
  it->second.fleet->unheard -= !it->second.answered;
  it->second.answered = result != PollResult::kFailed;
  count(it->second, 1);
  if (!std::exchange(it->second.in_flight, false)) return;
  enqueue(it->second);
  heard(*it->second.fleet, result);
}

std::optional<SteadyTime> PollSchedule::next_due(bool candidates_only) const {
  std::optional<SteadyTime> earliest;
  const auto consider = [&](PollUrgency urgency) {
    const Queue& queue = queues_[static_cast<std::size_t>(urgency)];
    if (queue.empty()) return;
    const SteadyTime due = (*queue.begin())->asked_at + period_of(urgency);
    if (!earliest || due < *earliest) earliest = due;
  };
  consider(PollUrgency::kCandidate);
  if (!candidates_only) {
    for (const auto urgency :
         {PollUrgency::kDraining, PollUrgency::kCanary, PollUrgency::kWatched, PollUrgency::kOther}) {
      consider(urgency);
    }
    if (!resting_.empty()) {
      const SteadyTime due = std::max((*resting_.begin())->due_at, last_resting_ + kRestingSpacing);
      if (!earliest || due < *earliest) earliest = due;
    }
  }
  if (earliest) earliest = std::max(*earliest, last_ + kPollSpacing);
  return earliest;
}

}  // namespace sluice::op
