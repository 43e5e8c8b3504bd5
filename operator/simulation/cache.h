// An informer's cache as a controller sees it: the world's changes in order, late, and sometimes not at all for a
// while.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/pod_facts.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {

/// Pods and the gateway through one watch each in truth; one here, which is stricter about order but not about lag.
class Cache {
 public:
  /// Begins with the world's present, as a first list does.
  explicit Cache(const World& world) : world_(world) { relist(); }

  /// Lets changes in that are at least so old. Answers whether there were any.
  bool deliver(Duration lag);
  /// Jumps to the present: what was in between is never seen.
  void relist();

  [[nodiscard]] std::vector<PodPtr> pods() const;
  [[nodiscard]] kube::Object gateway() const { return gateway_; }
  [[nodiscard]] std::string version() const { return std::to_string(version_); }
  [[nodiscard]] std::int64_t next_change() const { return next_; }

 private:
  const World& world_;
  std::map<std::string, PodPtr> pods_;  ///< By name.
  kube::Object gateway_;
  std::int64_t version_ = 0;
  std::int64_t next_ = 0;  ///< Index of the next change to let in.
};

}  // namespace sluice::op::simulation
