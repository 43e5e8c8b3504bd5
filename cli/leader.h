// The operator that leads, found by its Lease and asked through the API server's proxy to pods.
#pragma once

#include <optional>
#include <string>

#include "cli/session.h"
#include "common/base/result.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// The pod that a Lease's holder names: identities are "<pod>_<unique>". Empty where nobody holds it. Pure.
std::string holder_pod(const kube::Json& lease);
/// The port named "metrics" of the operator's pod; 8080 where it names none. Pure.
int probe_port(const kube::Json& pod);
/// Path and query of the question. Pure.
std::string plan_path(const std::string& ns, const std::string& name, std::optional<std::int64_t> replicas);

struct LeaderAnswer {
  kube::Json plan;
  std::string pod;  ///< "sluice-system/sluice-operator-7d9f..".
};
/// Errors name what is missing: no Lease, no leader, no right to ask it.
Result<LeaderAnswer> ask_leader(Session& session, const std::string& operator_namespace, const std::string& ns,
                                const std::string& name, std::optional<std::int64_t> replicas);

}  // namespace sluice::cli
