// A way out for steps that may hang: what is to be done where they have not ended in time.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common/base/clock.h"

namespace sluice {

/// Runs an action unless it is destroyed within `patience`. Its scope holds the steps that should end in time.
class Otherwise {
 public:
  /// `action` runs once at most, on a thread of its own, and must not throw. What it uses outlives this object.
  Otherwise(Duration patience, std::function<void()> action);
  /// Waits for an action that has begun.
  ~Otherwise();
  Otherwise(const Otherwise&) = delete;
  Otherwise& operator=(const Otherwise&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;   // Guarded by mutex_.
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace sluice
