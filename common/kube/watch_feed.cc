#include "common/kube/watch_feed.h"

#include <utility>

namespace sluice::kube {

void WatchFeed::begin(bool sends_state) {
  const MutexLock lock(mutex_);
  events_.clear();
  end_.reset();
  bounded_ = !sends_state;
}

void WatchFeed::push(Arrival arrival) {
  const MutexLock lock(mutex_);
  if (end_) return;
  if (bounded_ && events_.size() >= kEventsMax) {
    end_ = Error{ErrorCode::kUnavailable, "the informer's handlers are too far behind"};
    return;
  }
  if (arrival.ends_state) bounded_ = true;
  events_.push_back(std::move(arrival));
  changed_.notify_one();
}

void WatchFeed::end(Status status) {
  const MutexLock lock(mutex_);
  if (!end_) end_ = std::move(status);
  changed_.notify_one();
}

WatchFeed::Batch WatchFeed::take(Duration at_most) {
  const SteadyTime until = std::chrono::steady_clock::now() + at_most;
  const MutexLock lock(mutex_);
  while (!stopped_ && !end_ && events_.empty() && changed_.wait_until(mutex_, until)) {
  }
  Batch batch;
  if (stopped_) return batch;
  batch.events.swap(events_);
  batch.end = end_;
  return batch;
}

void WatchFeed::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace sluice::kube
