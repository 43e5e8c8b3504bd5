// Names that the operator gives, and the revision of a template. Pure. Labels, annotations and ports are the contract
// with the other programs: common/base/contract.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/contract.h"
#include "common/kube/resource.h"
#include "operator/model.h"

namespace sluice::op {

inline constexpr const char* kFinalizer = "sluice.dev/drain";
inline constexpr const char* kContainerName = "gateway";
inline constexpr const char* kFieldManager = "sluice-operator";

/// "edge-7f2kq": the letters follow from the owner's UID and the index alone, so that a second create from a stale
/// cache meets AlreadyExists instead of making a twin.
std::string pod_name(std::string_view gateway, std::string_view owner_uid, int index);

/// The names of the `count` smallest indices that no pod of this gateway and no stranger has.
std::vector<std::string> free_names(const Observed& seen, int count);

/// A short hash of what makes pods of one template differ from those of another: spec.template, and the operator's
/// default image where the template names none. `collisions`: names so made that turned out to be taken by something
/// else (status.collisionCount).
std::string revision_of(const kube::Json& pod_template, std::string_view default_image, std::int64_t collisions = 0);

/// The RealtimeGateway that an object beside it or below it belongs to, as its label says: "namespace/name".
std::string key_of_owner(const kube::Json& object);

/// Services, PDBs and the ConfigMap of a gateway.
std::string keys_config_map_name(std::string_view gateway);
std::string draining_pdb_name(std::string_view gateway);
/// status.selector: pods that count as replicas.
std::string replica_selector(std::string_view gateway);

}  // namespace sluice::op
