// Work that costs CPU, away from the shards: a bounded queue and a few workers. Threads: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace sluice::gateway {

/// For whom a task runs: a connection of a shard.
struct TaskOwner {
  std::size_t shard = 0;
  std::uint64_t connection = 0;
  bool operator==(const TaskOwner&) const = default;
};

struct Task {
  TaskOwner owner;
  /// Runs on a worker; posts its own result, and answers whether it succeeded. `stopping` turns true where the process
  /// ends: a long task gives up.
  std::function<bool(const std::atomic<bool>& stopping)> run;
};

class TaskPool {
 public:
  TaskPool(int workers, std::size_t queue_length_max);
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  /// False where the queue is full; nothing happened then.
  [[nodiscard]] bool submit(Task task);
  /// Drops the owner's tasks that have not begun; answers how many.
  std::size_t drop(const TaskOwner& owner);
  /// Ends the workers; queued tasks are dropped. Also done by the destructor.
  void stop();

  [[nodiscard]] std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // Since the start: tasks that succeeded, that failed, that found the queue full, that were dropped with their
  // connection.
  [[nodiscard]] std::uint64_t completed() const { return completed_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void work();
  bool next(Task& task);

  const std::size_t queue_length_max_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> queued_ = 0;
  std::atomic<std::size_t> in_flight_ = 0;
  std::atomic<std::uint64_t> completed_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> rejected_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;

  Mutex mutex_;
  Condition work_;
  std::deque<Task> queue_ GUARDED_BY(mutex_);
  std::vector<std::thread> workers_;
};

}  // namespace sluice::gateway
