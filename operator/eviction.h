// Evictions that a drain answers (Kubernetes 1.37, feature gate EvictionRequestAPI): somebody asks for a pod to go, and
// the operator, as the responder that the pod names, drains it and says how far it is. Pure; eviction_watch.h does the
// I/O. Source: k8s.io/api lifecycle/v1alpha1, Eviction; core/v1, PodSpec.evictionResponders.
#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/kube/resource.h"
#include "operator/releases.h"

namespace sluice::op {

inline const kube::Resource kEvictions{"lifecycle.k8s.io", "v1alpha1", "evictions", "Eviction"};
/// Our name among the responders of a pod and of an Eviction.
inline constexpr const char* kEvictionResponder = "sluice.dev/drain";

/// Names us as the pod's responder, with the priority of its managing controller. What the template has stays.
void add_eviction_responder(kube::Json& pod);

/// Drops what view_eviction() does not read.
void slim_eviction(kube::Json& eviction);

struct EvictionView {
  std::string name;
  std::string uid;
  std::string pod_name;
  std::string pod_uid;
  bool asked = false;      ///< Our turn has come and nobody has withdrawn: the pod is to go.
  bool active = false;     ///< It is our turn now: reports are heard.
  bool withdrawn = false;  ///< Nobody asks for it any more, though it may still be our turn.
  bool completed = false;
  std::optional<WallTime> heartbeat;  ///< Of our last report.
};
EvictionView view_eviction(const kube::Json& eviction);

/// Our entry of .status.responders, for an apply of the subresource status, where it is time for one: nothing where it
/// is not our turn, or the last report is younger than kEvictionHeartbeat. `pod` is null where it is gone.
std::optional<kube::Json> eviction_report(const EvictionView& eviction, const PodView* pod, const Release* release,
                                          WallTime now);

}  // namespace sluice::op
