// Events about drains that tell of what lasts: each is sent once, when it begins. As long as it lasts a condition says
// so.
#pragma once

#include "common/base/clock.h"
#include "common/kube/events.h"
#include "operator/apply.h"
#include "operator/memory.h"

namespace sluice::op {

/// Threads: any; one key at a time.
class DrainNews {
 public:
  /// References outlive this.
  DrainNews(Memory& memory, kube::EventRecorder& events) : memory_(memory), events_(events) {}

  /// CapacityGuard, DrainTimedOut (of drains that go on), BudgetExceeded (of pods that terminate), SessionCostIgnored.
  void tell(const Basis& basis, const Plan& plan, WallTime now);

 private:
  void tell_of(const Basis& basis, const char* topic, const std::vector<PodNews>& all);
  void say(const kube::Json& gateway, const Announcement& announcement);

  Memory& memory_;
  kube::EventRecorder& events_;
};

}  // namespace sluice::op
