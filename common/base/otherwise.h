// A time limit for what cannot be interrupted by itself: after it somebody cuts what is waited for.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common/base/clock.h"

namespace sluice {

/// Does something, on a thread of its own, unless it is destroyed within `patience`. The destructor waits for an action
/// that runs.
class Otherwise {
 public:
  Otherwise(Duration patience, std::function<void()> action)
      : thread_([this, patience, action = std::move(action)] {
          std::unique_lock lock(mutex_);
          if (!changed_.wait_for(lock, patience, [this] { return over_; })) action();
        }) {}
  ~Otherwise() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Otherwise(const Otherwise&) = delete;
  Otherwise& operator=(const Otherwise&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;   // guarded by mutex_
  std::thread thread_;  // last: it uses the others
};

}  // namespace sluice
