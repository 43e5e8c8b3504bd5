// How many may do something at a time. Who finds no slot is told so at once, or may wait a moment for one, and how many
// wait is bounded too.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "common/base/clock.h"

namespace sluice::adapter {

/// Threads: any. Outlives its leases.
class Slots {
 public:
  explicit Slots(int count, int waiting_max = 0) : waiting_max_(waiting_max), free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// Gives the slot back when it dies. False: there was none.
  class Lease {
   public:
    explicit Lease(Slots* owner) : owner_(owner) {}
    Lease(Lease&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (owner_ != nullptr) owner_->give_back();
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    Slots* owner_;
  };

  [[nodiscard]] Lease take() { return take_within(Duration(0)); }
  /// Waits up to `patience`, unless `waiting_max` others wait already.
  [[nodiscard]] Lease take_within(Duration patience) {
    std::unique_lock lock(mutex_);
    if (free_ == 0 && patience > Duration(0) && waiting_ < waiting_max_) {
      ++waiting_;
      freed_.wait_for(lock, patience, [this] { return free_ > 0; });
      --waiting_;
    }
    if (free_ == 0) return Lease(nullptr);
    --free_;
    return Lease(this);
  }

 private:
  void give_back() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    freed_.notify_one();
  }

  const int waiting_max_;
  std::mutex mutex_;
  std::condition_variable freed_;
  int free_;         // guarded by mutex_
  int waiting_ = 0;  // guarded by mutex_
};

}  // namespace sluice::adapter
