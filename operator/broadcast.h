// Tells the gateways of a fleet what has become of one of them (POST /admin/v1/node-status). Best effort: a gateway
// that misses it hears of the next change, and nothing depends on it.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/metrics.h"
#include "operator/admin_api.h"
#include "operator/model.h"

namespace sluice::op {

/// Threads: any. At most kBroadcastsInParallelMax calls are under way; more wait, and what is too much is dropped and
/// counted: sluice_operator_broadcasts_dropped_total.
class Broadcaster {
 public:
  /// References outlive this.
  Broadcaster(AdminApi& api, MetricsRegistry& metrics);
  /// As stop().
  ~Broadcaster();
  Broadcaster(const Broadcaster&) = delete;
  Broadcaster& operator=(const Broadcaster&) = delete;

  /// Answers at once.
  void tell(const AdminCall::Peer& peer, const std::vector<PodRef>& gateways);
  /// Drops what waits, and waits for the calls under way.
  void stop();

 private:
  void start_waiting(std::unique_lock<std::mutex>& lock);
  void ended();

  AdminApi& api_;
  const Counter dropped_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<AdminCall> waiting_;
  int under_way_ = 0;
  bool starting_ = false;  ///< A thread is in start_waiting().
  bool stopping_ = false;
};

}  // namespace sluice::op
