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

/// Threads: any.
class WorkQueue {
 public:
  struct Options {
    std::string name;  ///< Label `name` of the workqueue_* metrics, named as client-go names them.
    Backoff backoff{.first = Duration(5), .most = Duration(1'000'000), .factor = 2.0, .jitter = 0.0};
  };
  /// `metrics` may be null.
  WorkQueue(const Clock& clock, Options options, MetricsRegistry* metrics);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(std::string_view key);
  /// Adds it once `after` has passed; of several waits the shortest counts.
  void add_after(std::string_view key, Duration after);
  /// Adds it after a backoff that grows with each call until forget().
  void add_rate_limited(std::string_view key);
  void forget(std::string_view key);
  /// How often add_rate_limited was called since forget().
  [[nodiscard]] int failures(std::string_view key) const;

  /// Waits for a key; nothing once the queue is shut down and empty. Each key got must be given back with done().
  std::optional<std::string> get();
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
