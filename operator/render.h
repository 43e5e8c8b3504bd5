// The objects that a RealtimeGateway becomes: pods, Service, two PodDisruptionBudgets, the ConfigMap with public keys.
// Pure: the same input gives the same object. What each field is for stands beside it in the .cc files.
#pragma once

#include <map>
#include <string>

#include "common/kube/resource.h"
#include "operator/revisions.h"

namespace sluice::op {

/// Controller reference to the RealtimeGateway; blockOwnerDeletion, so that foreground deletion waits for the object.
kube::Json owner_reference(const kube::Json& gateway);

/// A pod named `name` from the revision's template: labels of this operator on top; the container "gateway" is made
/// where the template has none and filled in where it leaves fields out (image, ports, probes, environment, restricted
/// security context, keys). What the template says is never changed, so that a dry run speaks about the user's own
/// words.
kube::Json render_pod(const kube::Json& gateway, const std::string& name, const Revision& revision);

/// Service `<gateway>`: 8080 (ws) and 8443 (wss) to the pods with traffic=on.
kube::Json render_service(const kube::Json& gateway);
/// PDB `<gateway>` over active and gray pods: all of spec.replicas but spec.disruption.maxUnavailable must stay; where
/// either is 0 no eviction goes through, however many pods there are.
kube::Json render_pdb(const kube::Json& gateway);
/// PDB `<gateway>-draining`: no eviction may cut a drain short.
kube::Json render_draining_pdb(const kube::Json& gateway);
/// ConfigMap `<gateway>-admin-keys`; `public_pems` by key id, each becomes "<id>.pem".
kube::Json render_keys(const kube::Json& gateway, const std::map<std::string, std::string>& public_pems);

/// Whether `live` already says all that `wanted` says; what the API server or others have added does not matter. Lists
/// must have the same length. Used to send no apply that would change nothing.
bool covers(const kube::Json& live, const kube::Json& wanted);

}  // namespace sluice::op
