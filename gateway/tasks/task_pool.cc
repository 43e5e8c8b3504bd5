#include "gateway/tasks/task_pool.h"

#include <utility>

namespace sluice::gateway {

TaskPool::TaskPool(int workers, std::size_t queue_length_max) : queue_length_max_(queue_length_max) {
  workers_.reserve(static_cast<std::size_t>(workers));
  for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
}

TaskPool::~TaskPool() {
  stop();
}

bool TaskPool::submit(Task task) {
  {
    const MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_length_max_) {
      rejected_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    queue_.push_back(std::move(task));
    queued_.store(queue_.size(), std::memory_order_relaxed);
  }
  work_.notify_one();
  return true;
}

std::size_t TaskPool::drop(const TaskOwner& owner) {
  const MutexLock lock(mutex_);
  const std::size_t count = std::erase_if(queue_, [&owner](const Task& task) { return task.owner == owner; });
  queued_.store(queue_.size(), std::memory_order_relaxed);
  dropped_.fetch_add(count, std::memory_order_relaxed);
  return count;
}

void TaskPool::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    queue_.clear();
    queued_.store(0, std::memory_order_relaxed);
  }
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

/// Waits for a task; false where the pool stops.
bool TaskPool::next(Task& task) {
  const MutexLock lock(mutex_);
  while (!stopping_ && queue_.empty()) work_.wait(mutex_);
  if (stopping_) return false;
  task = std::move(queue_.front());
  queue_.pop_front();
  queued_.store(queue_.size(), std::memory_order_relaxed);
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void TaskPool::work() {
  for (Task task; next(task); task = Task()) {
    const bool succeeded = task.run(stopping_);
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    (succeeded ? completed_ : failed_).fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace sluice::gateway
