// Watches Evictions where the API server has them, and reports to them. Looks once when it begins to lead and then
// every kEvictionsRecheck; where there are none nothing is watched, and pods name no responder.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/kube/client.h"
#include "common/kube/informer.h"
#include "operator/caches.h"
#include "operator/model.h"
#include "operator/spec.h"

namespace sluice::op {

/// Threads: any; look() and stop() one at a time.
class EvictionWatch {
 public:
  /// `changed` gets the namespace and name of a pod whose Eviction has changed; it runs on the informer's thread.
  /// References outlive this.
  EvictionWatch(kube::Client& client, Caches& caches, const Clock& clock,
                std::function<void(const std::string& ns, const std::string& pod)> changed);

  /// Asks the API server whether it has Evictions, and begins to watch them where it does.
  void look();
  /// Ends the watch; no callback runs after it.
  void stop();

  /// Whether they are watched, and all of them known.
  [[nodiscard]] bool knows() const;
  /// UIDs of pods in `ns` that an Eviction asks us to drain.
  [[nodiscard]] std::set<std::string> asked(const std::string& ns) const;
  /// Sends what is to be said about the pods that are seen.
  void report(const GatewaySpec& spec, const Observed& seen);

 private:
  struct Reported {
    SteadyTime at{};
    bool last = false;
  };
  bool is_due(const std::string& eviction_uid, bool last);

  kube::Client& client_;
  Caches& caches_;
  const Clock& clock_;
  const std::function<void(const std::string& ns, const std::string& pod)> changed_;

  std::unique_ptr<kube::Informer> informer_;
  std::atomic<kube::Informer*> watched_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, Reported> reported_;  ///< By UID of the Eviction.
};

}  // namespace sluice::op
