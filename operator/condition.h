// One entry of status.conditions. Pure.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/kube/resource.h"

namespace sluice::op {

struct Condition {
  const char* type;
  bool holds;
  std::string reason;
  std::string message;
};

/// As `gateway`'s present status has it; a null where it has none.
const kube::Json& condition_before(const kube::Json& gateway, const char* type);
/// A metav1.Condition. It keeps the lastTransitionTime of the present status while its own status does not change.
kube::Json condition_json(const Condition& condition, const kube::Json& gateway, WallTime now);

}  // namespace sluice::op
