#include "operator/state_store.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace sluice::op {
namespace {

double rate_of(const GatewayState& state) {
  if (state.drain) return state.drain->rate;
  return state.shed && state.shed->remaining > 0 ? state.shed->rate : 0;
}

bool differs(const std::optional<GatewayState>& before, const GatewayState& after) {
  return !before || before->connections != after.connections || before->drain.has_value() != after.drain.has_value() ||
         before->shed.has_value() != after.shed.has_value() || rate_of(*before) != rate_of(after);
}

}  // namespace

bool StateStore::heard(const std::string& uid, SteadyTime asked_at, const GatewayState& state) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(uid);
  if (found == states_.end()) return false;
  HeardState& known = found->second;
  if (known.state && asked_at < known.asked_at) return false;
  const bool changed = known.failed_at.has_value() || differs(known.state, state);
  // A call that failed after this one was asked may still take effect: its rate stays possible until a later answer.
  const bool settles = !known.failed_at || *known.failed_at <= asked_at;
  known.rate_possible = settles ? rate_of(state) : std::max(known.rate_possible, rate_of(state));
  if (settles) {
    known.failed_at.reset();
    known.failures = 0;
    known.failing_since.reset();
  }
  if (state.connections > 0) {
    known.last_count = state.connections;
    known.empty_since.reset();
  } else if (!known.empty_since) {
    known.empty_since = asked_at;
  }
  known.state = state;
  known.asked_at = asked_at;
  return changed;
}

void StateStore::ordered(const std::string& uid, const DrainTerms& terms) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(uid);
  if (found != states_.end()) found->second.ordered = terms;
}

void StateStore::failed(const std::string& uid, SteadyTime at, double rate_maybe, ErrorCode why) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(uid);
  if (found == states_.end()) return;
  HeardState& known = found->second;
  known.failed_at = std::max(known.failed_at.value_or(at), at);
  known.rate_possible = std::max(known.rate_possible, rate_maybe);
  const bool refused = why == ErrorCode::kNotFound;
  if (why != ErrorCode::kUnavailable && !refused) {
    known.failures = 0;
    known.failing_since.reset();
    return;
  }
  ++known.failures;
  if (!known.failing_since) known.failing_since = at;
  known.refused = refused;
}

HeardState StateStore::get(const std::string& uid) const {
  const std::lock_guard lock(mutex_);
  const auto it = states_.find(uid);
  return it == states_.end() ? HeardState{} : it->second;
}

void StateStore::set_pods(const std::string& key, std::vector<std::string_view> uids) {
  std::sort(uids.begin(), uids.end());
  const std::lock_guard lock(mutex_);
  Named& named = named_[key];
  if (!std::equal(named.uids.begin(), named.uids.end(), uids.begin(), uids.end())) {
    std::vector<std::string> differ;
    std::set_difference(named.uids.begin(), named.uids.end(), uids.begin(), uids.end(), std::back_inserter(differ),
                        std::less<>());
    for (const std::string& uid : differ) states_.erase(uid);
    if (!differ.empty()) ++forgotten_;
    named.uids.assign(uids.begin(), uids.end());
  } else if (named.forgotten == forgotten_) {
    return;
  }
  // All of them: one that was another gateway's has just been forgotten with that one's, perhaps.
  for (const std::string& uid : named.uids) states_.try_emplace(uid);
  named.forgotten = forgotten_;
  if (named.uids.empty()) named_.erase(key);
}

std::size_t StateStore::size() const {
  const std::lock_guard lock(mutex_);
  return states_.size();
}

}  // namespace sluice::op
