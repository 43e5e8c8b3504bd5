// One leader among the replicas, by a Lease. Times as client-go has them: lease 15 s, renew deadline 10 s, retry 2 s,
// jitter 1.2; expiry is judged by the local clock from when a change of the Lease was observed, so clocks of nodes need
// not agree. Source: client-go tools/leaderelection, coordination.k8s.io/v1 Lease.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/kube/client.h"

namespace sluice::kube {

class LeaderElector {
 public:
  static constexpr Duration kLease{15'000};
  static constexpr Duration kRenewDeadline{10'000};
  static constexpr Duration kRetry{2'000};
  struct Options {
    std::string ns;
    std::string name;      ///< Of the Lease.
    std::string identity;  ///< Unique to this process: pod name and a random part.
    Duration lease = kLease;
    Duration renew_deadline = kRenewDeadline;
    Duration retry = kRetry;
  };

  LeaderElector(Client& client, const Clock& clock, Random& random, Options options, MetricsRegistry* metrics);
  ~LeaderElector();
  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;

  /// Starts a thread. `on_started` runs there once when leadership is won; `on_lost` once when it is lost (the process
  /// should exit then: work may be under way that is no longer ours). Neither may block for longer than `retry`.
  void start(std::function<void()> on_started, std::function<void()> on_lost);
  /// Stops renewing, after the call under way. Where the Lease is ours then, be it taken in this moment, it is released
  /// (empty holder, 1 s), so that the next one need not wait: call it after the workers have stopped.
  void stop_and_release();

  [[nodiscard]] bool leading() const;
  /// The holder last seen; "" where there is none.
  [[nodiscard]] std::string holder() const;
  /// Has its threads look at the clock again: for tests, after they have moved theirs.
  void poke();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::kube
