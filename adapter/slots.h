// How many may do something at a time. Who finds no slot is told so at once and need not wait.
#pragma once

#include <atomic>
#include <utility>

namespace sluice::adapter {

/// Threads: any. Outlives its leases.
class Slots {
 public:
  explicit Slots(int count) : free_(count) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// Gives the slot back when it dies. False: there was none.
  class Lease {
   public:
    explicit Lease(Slots* owner) : owner_(owner) {}
    Lease(Lease&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (owner_ != nullptr) ++owner_->free_;
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    Slots* owner_;
  };

  [[nodiscard]] Lease take() {
    int now = free_.load();
    while (now > 0 && !free_.compare_exchange_weak(now, now - 1)) {
    }
    return Lease(now > 0 ? this : nullptr);
  }

 private:
  std::atomic<int> free_;
};

}  // namespace sluice::adapter
