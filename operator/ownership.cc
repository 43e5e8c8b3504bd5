#include "operator/ownership.h"

#include <algorithm>

#include "operator/names.h"

namespace sluice::op {

using kube::Json;

std::string controller_uid(const Json& object) {
  const Json& references = kube::at_pointer(object, "/metadata/ownerReferences");
  if (!references.is_array()) return {};
  for (const Json& reference : references) {
    if (kube::bool_at(reference, "/controller", false)) return kube::text_at(reference, "/uid");
  }
  return {};
}

bool has_finalizer(const Json& object, const char* finalizer) {
  const Json& finalizers = kube::at_pointer(object, "/metadata/finalizers");
  return finalizers.is_array() && std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

bool owned_by(const Json& object, std::string_view owner_uid) {
  return !owner_uid.empty() && controller_uid(object) == owner_uid;
}

bool may_take(const Json& object, const Json& gateway) {
  const std::string owner = controller_uid(object);
  return owner.empty() ? kube::label_of(object, kGatewayLabel) == kube::name_of(gateway)
                       : owner == kube::uid_of(gateway);
}

}  // namespace sluice::op
