// Threads that run jobs from a bounded queue: the part of the server that may block. A full queue says so at once, so
// that overload becomes an answer (503) instead of memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::http {

/// Threads: any.
class WorkerPool {
 public:
  WorkerPool(int threads, std::size_t queue_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False where the queue is full or the pool has stopped; `job` is then not kept. A job must not throw.
  bool submit(std::function<void()> job);
  /// Drops what waits, lets what runs finish, joins. Must not be called from a job.
  void stop();

 private:
  void run();

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sluice::http
