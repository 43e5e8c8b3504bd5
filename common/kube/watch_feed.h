// What a watch brings, on its way from the client's thread, which must not wait, to the informer's, which may be slow.
#pragma once

#include <deque>
#include <optional>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/kube/store.h"

namespace sluice::kube {

/// Threads: any.
class WatchFeed {
 public:
  /// Events that may wait once the state is complete. Where the reader falls further behind, the watch ends for it
  /// after what waits: it begins another one where it is, memory stays bounded and nothing is lost. (The state itself
  /// is not bounded here: the cache will hold it anyway.)
  static constexpr std::size_t kEventsMax = 4096;

  /// Makes ready for a new watch; no callback of an older one may come any more.
  void begin(bool sends_state);
  /// Both are ignored after the watch has ended.
  void push(Arrival arrival);
  void end(Status status);

  struct Batch {
    std::deque<Arrival> events;  ///< In order; empty at the time-out and after stop().
    std::optional<Status> end;   ///< Set where nothing comes after them.
  };
  /// Waits until something is here. Each event is answered once.
  Batch take(Duration at_most);
  /// take() answers at once, from now on.
  void stop();

 private:
  Mutex mutex_;
  Condition changed_;
  std::deque<Arrival> events_ GUARDED_BY(mutex_);
  bool bounded_ GUARDED_BY(mutex_) = false;  // the state is complete
  std::optional<Status> end_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::kube
