// Asks gateways for their states, in the order of poll_schedule.h, and keeps the answers in the StateStore.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "operator/admin_api.h"
#include "operator/limits.h"
#include "operator/poll_schedule.h"
#include "operator/state_store.h"

namespace sluice::op {

/// Threads: any. Runs from start() to stop(); what it asks in between is only what set_targets() named.
class StatePoller {
 public:
  /// A target has answered or failed; `changed` says whether a plan may care. Runs on the admin API's threads.
  using Heard = std::function<void(const PollTarget& target, bool changed)>;

  /// References outlive the poller.
  StatePoller(AdminApi& api, StateStore& states, const Clock& clock, Heard heard);
  ~StatePoller();
  StatePoller(const StatePoller&) = delete;
  StatePoller& operator=(const StatePoller&) = delete;

  void start();
  /// Waits for calls under way; no callback runs after it.
  void stop();

  /// Replaces the targets of one RealtimeGateway, which is to have `replicas` pods.
  void set_targets(const std::string& key, const std::vector<PollTarget>& targets, int replicas);
  void forget(const std::string& key);
  [[nodiscard]] PollTally tally();

 private:
  void run();
  void ask(const PollTarget& target);
  void change(const std::function<void()>& what);
  /// Whether there is no room for anybody else.
  [[nodiscard]] bool candidates_only() const { return others_in_flight_ >= kOtherPollsMax; }
  void answered(const PollTarget& target, SteadyTime asked_at, const Result<GatewayState>& answer);

  AdminApi& api_;
  StateStore& states_;
  const Clock& clock_;
  const Heard heard_;

  std::mutex mutex_;
  std::condition_variable changed_;
  PollSchedule schedule_;
  bool stopping_ = false;
  int in_flight_ = 0;
  int others_in_flight_ = 0;  ///< Of those, the ones that are no candidates.
  std::thread thread_;
};

}  // namespace sluice::op
