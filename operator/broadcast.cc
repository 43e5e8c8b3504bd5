#include "operator/broadcast.h"

#include <utility>

#include "operator/limits.h"

namespace sluice::op {

Broadcaster::Broadcaster(AdminApi& api, MetricsRegistry& metrics)
    : api_(api),
      dropped_(metrics.counter("sluice_operator_broadcasts_dropped_total",
                               "Gateways that were not told of a peer since too many waited to be told.")) {}

Broadcaster::~Broadcaster() {
  stop();
}

void Broadcaster::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  waiting_.clear();
  changed_.wait(lock, [this] { return under_way_ == 0 && !starting_; });
}

void Broadcaster::tell(const AdminCall::Peer& peer, const std::vector<PodRef>& gateways) {
  std::unique_lock lock(mutex_);
  if (stopping_) return;
  for (const PodRef& gateway : gateways) {
    if (waiting_.size() >= kBroadcastsWaitingMax) {
      dropped_.add();
      continue;
    }
    AdminCall call;
    call.verb = AdminCall::Verb::kNodeStatus;
    call.uid = gateway.uid;
    call.address = gateway.address;
    call.peer = peer;
    waiting_.push_back(std::move(call));
  }
  start_waiting(lock);
}

/// One at a time: a call that is answered at once ends inside of it.
void Broadcaster::start_waiting(std::unique_lock<std::mutex>& lock) {
  if (starting_) return;
  starting_ = true;
  while (!waiting_.empty() && under_way_ < kBroadcastsInParallelMax) {
    AdminCall call = std::move(waiting_.front());
    waiting_.pop_front();
    ++under_way_;
    lock.unlock();
    api_.call(std::move(call), [this](const Result<GatewayState>&) { ended(); });
    lock.lock();
  }
  starting_ = false;
  changed_.notify_all();
}

void Broadcaster::ended() {
  std::unique_lock lock(mutex_);
  --under_way_;
  start_waiting(lock);
  changed_.notify_all();
}

}  // namespace sluice::op
