// A mutex that clang's thread-safety analysis understands: with it, -Wthread-safety finds every access to a
// GUARDED_BY() member that does not hold its mutex (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html). libstdc++'s
// std::mutex is not annotated, so that the warning finds nothing in code that uses it. Other compilers ignore it all.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define SLUICE_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SLUICE_THREAD_ANNOTATION(x)
#endif

/// On a member: it may be touched only while the mutex is held.
#define GUARDED_BY(mutex) SLUICE_THREAD_ANNOTATION(guarded_by(mutex))
/// On a function: its caller holds the mutex.
#define REQUIRES(mutex) SLUICE_THREAD_ANNOTATION(requires_capability(mutex))
/// On a function: its caller does not hold the mutex.
#define EXCLUDES(mutex) SLUICE_THREAD_ANNOTATION(locks_excluded(mutex))

namespace sluice {

class SLUICE_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() SLUICE_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() SLUICE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

/// Holds a mutex as long as it lives.
class SLUICE_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SLUICE_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SLUICE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// A mutex that many may hold to read.
class SLUICE_THREAD_ANNOTATION(capability("shared_mutex")) SharedMutex {
 public:
  void lock() SLUICE_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() SLUICE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  void lock_shared() SLUICE_THREAD_ANNOTATION(acquire_shared_capability()) { mutex_.lock_shared(); }
  void unlock_shared() SLUICE_THREAD_ANNOTATION(release_shared_capability()) { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

/// Holds a shared mutex to write, as long as it lives.
class SLUICE_THREAD_ANNOTATION(scoped_lockable) WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) SLUICE_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~WriteLock() SLUICE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Holds a shared mutex to read, as long as it lives.
class SLUICE_THREAD_ANNOTATION(scoped_lockable) ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) SLUICE_THREAD_ANNOTATION(acquire_shared_capability(mutex)) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReadLock() SLUICE_THREAD_ANNOTATION(release_capability()) { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// A condition variable. It has no wait with a predicate: the analysis does not look into a lambda, a while loop is
/// clear to it and to a reader.
class Condition {
 public:
  /// Releases `mutex` while it waits and holds it again when it returns, which may happen for no reason.
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    static_cast<void>(held.release());
  }
  /// The same until `time` at the latest: false where that has come.
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point time) REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(held, time);
    static_cast<void>(held.release());
    return status == std::cv_status::no_timeout;
  }
  /// The same for `time` at most, however the clock of the one who asks goes.
  template <typename Rep, typename Period>
  bool wait_for(Mutex& mutex, std::chrono::duration<Rep, Period> time) REQUIRES(mutex) {
    return wait_until(mutex, std::chrono::steady_clock::now() + time);
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace sluice
