// Work that costs CPU, away from the shards: a bounded queue and a few workers. Threads: any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::gateway {

/// For whom a task runs: a connection of a shard.
struct TaskOwner {
  std::size_t shard = 0;
  std::uint64_t connection = 0;
  bool operator==(const TaskOwner&) const = default;
};

struct Task {
  TaskOwner owner;
  /// Runs on a worker; posts its own result. `stopping` turns true where the process ends: a long task gives up.
  std::function<void(const std::atomic<bool>& stopping)> run;
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
  // Since the start: tasks that ran, that found the queue full, that were dropped with their connection.
  [[nodiscard]] std::uint64_t completed() const { return completed_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void work();

  const std::size_t queue_length_max_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> queued_ = 0;
  std::atomic<std::size_t> in_flight_ = 0;
  std::atomic<std::uint64_t> completed_ = 0;
  std::atomic<std::uint64_t> rejected_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Task> queue_;
  std::vector<std::thread> workers_;
};

}  // namespace sluice::gateway
