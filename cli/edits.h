// What the commands that change a RealtimeGateway write. Pure: from the object as it was read to a merge patch that is
// conditional on its version. spec.replicas is the autoscaler's; no edit here writes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/kube/resource.h"

namespace sluice::cli {

inline constexpr const char* kFieldManager = "kubectl-rtgw";

struct Edit {
  kube::Json patch;  ///< A merge patch with metadata.resourceVersion; null where there is nothing to change.
  std::string told;  ///< What is said of it: "paused", "already asked to drain".
};

/// Errors: kInvalid where it is as asked for already, as `kubectl rollout pause` says it.
Result<Edit> pause_edit(const kube::Json& gateway, bool paused);
/// Adds the pod to spec.scaleDown.podsToDrain. Errors: kInvalid where the list is full.
Result<Edit> drain_edit(const kube::Json& gateway, const std::string& pod);
Edit undrain_edit(const kube::Json& gateway, const std::string& pod);
/// The annotation sluice.dev/promote for the step in status.rollout. Errors: kInvalid where no step can be promoted.
Result<Edit> promote_edit(const kube::Json& gateway);

/// The RealtimeGateway that controls a pod. Errors: kInvalid where none does.
Result<std::string> gateway_of_pod(const kube::Json& pod);

}  // namespace sluice::cli
