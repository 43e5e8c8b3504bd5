#include "common/kube/watch_feed.h"

#include <utility>

namespace sluice::kube {

void WatchFeed::begin(bool sends_state) {
  const std::lock_guard lock(mutex_);
  events_.clear();
  end_.reset();
  bounded_ = !sends_state;
}

void WatchFeed::push(WatchEvent event) {
  const std::lock_guard lock(mutex_);
  if (end_) return;
  if (bounded_ && events_.size() >= kEventsMax) {
    end_ = Error{ErrorCode::kUnavailable, "the informer's handlers are too far behind"};
    return;
  }
  if (event.type == WatchEvent::Type::kBookmark && is_initial_events_end(event.object)) bounded_ = true;
  events_.push_back(std::move(event));
  changed_.notify_one();
}

void WatchFeed::end(Status status) {
  const std::lock_guard lock(mutex_);
  if (!end_) end_ = std::move(status);
  changed_.notify_one();
}

WatchFeed::Batch WatchFeed::take(Duration at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return stopped_ || end_.has_value() || !events_.empty(); });
  Batch batch;
  if (stopped_) return batch;
  batch.events.swap(events_);
  batch.end = end_;
  return batch;
}

void WatchFeed::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace sluice::kube
