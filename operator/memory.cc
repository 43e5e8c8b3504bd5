#include "operator/memory.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/budget.h"
#include "operator/limits.h"

namespace sluice::op {

Memory::Notes Memory::of(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return {};
  const Entry& entry = found->second;
  const SteadyTime now = clock_.steady();
  Notes notes = entry.notes;
  if (entry.choosing_since) notes.choosing_for = std::chrono::duration_cast<Duration>(now - *entry.choosing_since);
  if (entry.reversed_at) notes.reversed_ago = std::chrono::duration_cast<Duration>(now - *entry.reversed_at);
  notes.progress_age = std::chrono::duration_cast<Duration>(now - entry.progress_from);
  if (!entry.rebalanced.empty()) {
    notes.rebalancing_for = std::chrono::duration_cast<Duration>(now - entry.rebalance_grew_at);
  }
  if (entry.rebalance_ended_at) {
    notes.rebalanced_ago = std::chrono::duration_cast<Duration>(now - *entry.rebalance_ended_at);
  }
  notes.creates_held = std::max(Duration(0), std::chrono::ceil<Duration>(entry.creates_from - now));
  return notes;
}

void Memory::note_choosing(const std::string& key, bool waiting) {
  const std::lock_guard lock(mutex_);
  std::optional<SteadyTime>& since = entries_[key].choosing_since;
  if (!waiting) {
    since.reset();
  } else if (!since) {
    since = clock_.steady();
  }
}

void Memory::note_taken(const std::string& key, const std::set<std::string>& names) {
  const std::lock_guard lock(mutex_);
  entries_[key].notes.taken_names.insert(names.begin(), names.end());
}

void Memory::note_unsure(const std::string& key, const std::set<std::string>& pods) {
  const std::lock_guard lock(mutex_);
  entries_[key].notes.unsure.insert(pods.begin(), pods.end());
}

void Memory::note_sure(const std::string& key, const std::string& pod) {
  const std::lock_guard lock(mutex_);
  entries_[key].notes.unsure.erase(pod);
}

void Memory::note_orphaned(const std::string& key, const std::string& uid) {
  const std::lock_guard lock(mutex_);
  entries_[key].notes.orphaned_uid = uid;
}

void Memory::note_creates(const std::string& key, const Problem& problem) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  entry.notes.create_problem = problem;
  if (problem.reason.empty()) {
    entry.create_delay = Duration(0);
    return;
  }
  entry.create_delay = std::clamp(entry.create_delay * 2, kCreateHoldFirst, kCreateHoldMax);
  entry.creates_from = clock_.steady() + entry.create_delay;
}

double Memory::step_throttle(const std::string& key, double aim, bool releasing) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  const SteadyTime now = clock_.steady();
  if (!releasing) {
    entry.throttle = aim;
    entry.throttled_at = now;
  } else if (now - entry.throttled_at >= kThrottleEvery) {
    entry.throttle = next_throttle(entry.throttle, aim);
    entry.throttled_at = now;
  }
  return entry.throttle;
}

std::set<std::string> Memory::news_of(const std::string& key, const std::string& topic, std::set<std::string> now) {
  const std::lock_guard lock(mutex_);
  std::set<std::string>& told = entries_[key].told_of[topic];
  std::set<std::string> news;
  std::set_difference(now.begin(), now.end(), told.begin(), told.end(), std::inserter(news, news.end()));
  told = std::move(now);
  return news;
}

void Memory::note_reversed(const std::string& key) {
  const std::lock_guard lock(mutex_);
  entries_[key].reversed_at = clock_.steady();
}

int Memory::note_rebalanced(const std::string& key, const std::set<std::string>& uids) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  const bool before = !entry.rebalanced.empty();
  const bool grew = !std::includes(entry.rebalanced.begin(), entry.rebalanced.end(), uids.begin(), uids.end());
  if (grew) entry.rebalance_grew_at = clock_.steady();
  if (before && uids.empty()) entry.rebalance_ended_at = clock_.steady();
  entry.rebalanced = uids;
  return static_cast<int>(!uids.empty()) - static_cast<int>(before);
}

void Memory::note_baseline(const std::string& key, CanaryBaseline baseline) {
  const std::lock_guard lock(mutex_);
  entries_[key].notes.baseline = std::move(baseline);
}

void Memory::note_progress(const std::string& key, const ProgressDecision& decision) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  entry.notes.progress = decision.mark;
  if (decision.moved) entry.progress_from = clock_.steady();
}

bool Memory::is_news(const std::string& key, const Problem& problem) {
  const std::lock_guard lock(mutex_);
  Problem& told = entries_[key].told;
  const bool news = told.reason != problem.reason || told.message != problem.message;
  told = problem;
  return news && !problem.reason.empty();
}

bool Memory::is_new_objection(const std::string& key, const std::string& objection) {
  const std::lock_guard lock(mutex_);
  bool& told = entries_[key].objection_told;
  const bool news = !told && !objection.empty();
  told = !objection.empty();
  return news;
}

bool Memory::is_new_hold(const std::string& key, const std::string& hold) {
  const std::lock_guard lock(mutex_);
  bool& told = entries_[key].hold_told;
  const bool news = !told && !hold.empty();
  told = !hold.empty();
  return news;
}

bool Memory::is_new_stranger(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  if (strangers_.size() >= kStrangersMax) strangers_.clear();
  return strangers_.insert(uid).second;
}

void Memory::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
}

}  // namespace sluice::op
