// Keys that wait to be reconciled. A key is in the queue once however often it is added; a key that is being worked on
// and is added meanwhile comes again after done(); no key is worked on twice at once. Source: client-go util/workqueue.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"

namespace sluice::kube {

inline constexpr int kNormalPriority = 0;
/// Of what the first list and resyncs bring: the present goes before what may have been missed. controller-runtime's.
inline constexpr int kLowPriority = -100;

/// Threads: any.
class WorkQueue {
 public:
  struct Options {
    std::string name;  ///< Labels `name` and `controller` of the workqueue_* metrics, as controller-runtime has them.
    Backoff backoff{.first = Duration(5), .most = Duration(1'000'000), .factor = 2.0, .jitter = 0.0};
  };
  /// `metrics` may be null.
  WorkQueue(const Clock& clock, Options options, MetricsRegistry* metrics);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Of several priorities of a key that waits the highest counts.
  void add(std::string_view key, int priority = kNormalPriority);
  /// Adds it once `after` has passed; of several waits the shortest counts.
  void add_after(std::string_view key, Duration after, int priority = kNormalPriority);
  /// Adds it after a backoff that grows with each call until forget(), and answers how long that is.
  Duration add_rate_limited(std::string_view key, int priority = kNormalPriority);
  void forget(std::string_view key);
  /// How often add_rate_limited was called since forget().
  [[nodiscard]] int failures(std::string_view key) const;

  /// Waits for a key; nothing once the queue is shut down and empty. Each key got must be given back with done().
  /// One in kFairEvery is the key that has waited for longest, whatever its priority: none waits for ever.
  std::optional<std::string> get();
  struct Item {
    std::string key;
    int priority = kNormalPriority;  ///< To be given again where the key is added after a failure or for later.
  };
  std::optional<Item> get_with_priority();
  static constexpr int kFairEvery = 16;
  void done(std::string_view key);

  /// get() drains what is queued and then answers nothing; adds are ignored from now on.
  void shut_down();
  [[nodiscard]] std::size_t depth() const;
  /// Has those who wait look at the clock again: for tests, after they have moved theirs.
  void poke();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the metrics' collectors, which may outlive the queue
};

}  // namespace sluice::kube
