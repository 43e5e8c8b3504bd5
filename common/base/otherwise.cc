#include "common/base/otherwise.h"

namespace sluice {

Otherwise::Otherwise(Duration patience, std::function<void()> action)
    : thread_([this, patience, action = std::move(action)] {
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, patience, [this] { return over_; })) return;
        lock.unlock();
        action();
      }) {}

Otherwise::~Otherwise() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace sluice
