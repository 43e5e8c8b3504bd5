#include "operator/state_poller.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "operator/limits.h"

namespace sluice::op {

StatePoller::StatePoller(AdminApi& api, StateStore& states, const Clock& clock, Heard heard)
    : api_(api), states_(states), clock_(clock), heard_(std::move(heard)) {}

StatePoller::~StatePoller() {
  stop();
}

void StatePoller::start() {
  thread_ = std::thread([this] { run(); });
}

void StatePoller::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return in_flight_ == 0; });
}

void StatePoller::set_targets(const std::string& key, const std::vector<PollTarget>& targets, int replicas) {
  // A pod that has just come has hardly anything to tell, and a large fleet's come by the hundred.
  const bool large = replicas > kPollsPerSecondMax;
  const Duration patience = large ? std::min(kPollSpacing * replicas, kNewcomersPatienceMax) : Duration(0);
  change([&] { schedule_.set_targets(key, targets, clock_.steady() + patience); });
}

void StatePoller::forget(const std::string& key) {
  change([&] { schedule_.forget(key); });
}

/// A fleet's targets are named at each look at it, and are hardly ever others than before: the poller is woken only for
/// what is due sooner.
void StatePoller::change(const std::function<void()>& what) {
  const std::lock_guard lock(mutex_);
  const auto before = schedule_.next_due(candidates_only());
  what();
  const auto after = schedule_.next_due(candidates_only());
  if (after && (!before || *after < *before)) changed_.notify_all();
}

PollTally StatePoller::tally() {
  const std::lock_guard lock(mutex_);
  return schedule_.tally();
}

void StatePoller::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool room = in_flight_ < kAdminCallsMax;
    if (const auto target = room ? schedule_.next(clock_.steady(), candidates_only()) : std::nullopt) {
      ++in_flight_;
      others_in_flight_ += target->urgency != PollUrgency::kCandidate;
      lock.unlock();
      ask(*target);
      lock.lock();
      continue;
    }
    const auto due = room ? schedule_.next_due(candidates_only()) : std::nullopt;
    if (due) {
      changed_.wait_for(lock, std::max(*due - clock_.steady(), SteadyTime::duration(kPollSpacing)));
    } else {
      changed_.wait(lock);
    }
  }
}

void StatePoller::ask(const PollTarget& target) {
  AdminCall call;
  call.verb = AdminCall::Verb::kState;
  call.uid = target.uid;
  call.address = target.address;
  const SteadyTime asked_at = clock_.steady();
  api_.call(std::move(call),
            [this, target, asked_at](const Result<GatewayState>& answer) { answered(target, asked_at, answer); });
}

void StatePoller::answered(const PollTarget& target, SteadyTime asked_at, const Result<GatewayState>& answer) {
  bool changed = false;
  if (answer) {
    changed = states_.heard(target.uid, asked_at, *answer);
  } else {
    changed = !states_.get(target.uid).failed_at.has_value();
    states_.failed(target.uid, clock_.steady(), 0, answer.error().code);
    if (changed) {
      log_warn("a gateway's state could not be read",
               {{"gateway", target.key}, {"uid", target.uid}, {"error", answer.error().message}});
    }
  }
  heard_(target, changed);
  const bool failed = !answer && unanswered(answer.error().code);
  const std::lock_guard lock(mutex_);
  schedule_.finished(target.uid, failed ? PollResult::kFailed : changed ? PollResult::kChanged : PollResult::kSame);
  --in_flight_;
  others_in_flight_ -= target.urgency != PollUrgency::kCandidate;
  changed_.notify_all();
}

}  // namespace sluice::op
