#include "adapter/relist_schedule.h"

namespace sluice::adapter {

RelistSchedule::RelistSchedule(Duration interval)
    : interval_(interval), retry_wait_(std::min(kRetryFirst, interval)), hurry_wait_(std::min(kHurryMin, interval)) {}

std::optional<RelistScope> RelistSchedule::due(SteadyTime now) const {
  if (now >= everything_at_) return RelistScope::kEverything;
  if (hurry_at_ && now >= *hurry_at_) return RelistScope::kSeries;
  if (retry_at_ && now >= *retry_at_) return RelistScope::kFailed;
  return std::nullopt;
}

SteadyTime RelistSchedule::next() const {
  return std::min({everything_at_, hurry_at_.value_or(everything_at_), retry_at_.value_or(everything_at_)});
}

void RelistSchedule::begins(RelistScope scope) {
  if (scope == RelistScope::kFailed) return;
  searched_ = std::move(wanted_);
  wanted_.clear();
  hurry_at_.reset();
}

void RelistSchedule::ended(RelistScope scope, bool good, const std::function<bool(const MetricKey&)>& found,
                           SteadyTime now) {
  last_end_ = now;
  bool any_found = false;
  for (const MetricKey& key : searched_) {
    any_found = any_found || found(key);
    in_vain_.emplace(key, true);
  }
  searched_.clear();
  std::erase_if(in_vain_, [&](const auto& entry) { return found(entry.first); });
  if (any_found) hurry_wait_ = std::min(kHurryMin, interval_);
  if (!any_found && scope == RelistScope::kSeries) hurry_wait_ = grown(hurry_wait_);
  if (hurry_at_) hurry_at_ = now + hurry_wait_;  // what was asked for meanwhile

  if (scope == RelistScope::kEverything) {
    everything_at_ = now + interval_;
    std::erase_if(in_vain_, [](const auto& entry) { return !entry.second; });
    for (auto& [key, asked_for] : in_vain_) asked_for = false;
  }
  if (good) {
    retry_at_.reset();
    retry_wait_ = std::min(kRetryFirst, interval_);
  } else if (scope != RelistScope::kSeries || !retry_at_) {
    retry_at_ = now + retry_wait_;
    retry_wait_ = grown(retry_wait_);
  }
}

void RelistSchedule::want(const MetricKey& key, SteadyTime now) {
  const auto known = in_vain_.find(key);
  if (known != in_vain_.end()) {
    known->second = true;
    return;
  }
  if (searched_.contains(key)) return;
  if (wanted_.size() + searched_.size() + in_vain_.size() >= kKeysMax) return;
  wanted_.insert(key);
  if (!hurry_at_) hurry_at_ = std::max(now, last_end_ + hurry_wait_);
}

}  // namespace sluice::adapter
