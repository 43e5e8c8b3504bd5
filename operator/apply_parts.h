// What the files that carry out a plan share.
#pragma once

#include <algorithm>

#include "operator/apply.h"

namespace sluice::op {

/// Keeps the first failure; the others are logged by whoever met them.
inline void note(Applied& applied, const Status& status) {
  if (!status && applied.status) applied.status = status;
}

inline void wake(Applied& applied, Duration after) {
  applied.wake_after = applied.wake_after ? std::min(*applied.wake_after, after) : after;
}

inline AdminCall call_to(const PodRef& pod, AdminCall::Verb verb) {
  AdminCall call;
  call.verb = verb;
  call.uid = pod.uid;
  call.address = pod.address;
  return call;
}

}  // namespace sluice::op
