// For the tests of this folder: the API server that $KUBECONFIG names, a namespace of the test's own, and a way to
// wait.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/kube/client.h"
#include "common/kube/config.h"

namespace sluice::kube {

/// Reached only by a fault; a machine that compiles at the same time is slow.
inline constexpr Duration kPatience{60'000};

/// The administrator's way to the API server. Ends the program with a sentence where there is none.
Config cluster_config();

/// A namespace with a new name, removed (without waiting) at the end, and a client.
class TestNamespace {
 public:
  TestNamespace();
  ~TestNamespace();
  TestNamespace(const TestNamespace&) = delete;
  TestNamespace& operator=(const TestNamespace&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Client& client() { return client_; }

 private:
  Client client_;
  std::string name_;
};

/// A ConfigMap with `data.value`.
Json config_map(const std::string& name, const std::string& value);

/// Something that callbacks change and the test waits for. Threads: any.
template <typename Value>
class Awaited {
 public:
  template <typename Change>
  void change(Change apply) {
    const std::lock_guard lock(mutex_);
    apply(value_);
    changed_.notify_all();
  }
  /// Waits until `condition` holds of the value; false where it does not within kPatience.
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return condition(value_); });
  }
  [[nodiscard]] Value get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Value value_{};
};

}  // namespace sluice::kube
