// Keeps a worker busy until it is let go: what waits behind it waits as long as the test wants.
#pragma once

#include <atomic>
#include <future>
#include <memory>

#include "gateway/tasks/task_pool.h"

namespace sluice::gateway::testing {

class Gate {
 public:
  Gate() = default;
  ~Gate() { open(); }  // A test that fails must not hang.
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// A task that runs until open(). Its owner is nobody.
  [[nodiscard]] Task task() const {
    return {{0, 0}, [state = state_](const std::atomic<bool>&) {
              state->begun.set_value();
              state->opened.wait();
              return true;
            }};
  }
  /// Waits until a worker has taken the task.
  void wait_until_taken() const { state_->begun.get_future().wait(); }
  void open() {
    if (!open_) state_->open.set_value();
    open_ = true;
  }

 private:
  struct State {
    std::promise<void> begun;
    std::promise<void> open;
    std::shared_future<void> opened{open.get_future()};
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  bool open_ = false;
};

}  // namespace sluice::gateway::testing
