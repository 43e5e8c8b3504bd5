// Whose an object is: by its controller reference, by our finalizer and label. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/kube/resource.h"

namespace sluice::op {

/// The UID in `object`'s controller reference; empty where nobody controls it.
std::string controller_uid(const kube::Json& object);
/// Whether `finalizer` stands in its metadata.
bool has_finalizer(const kube::Json& object, const char* finalizer);
/// Whether `object`'s controller reference is `owner_uid`. Labels alone make no object ours.
bool owned_by(const kube::Json& object, std::string_view owner_uid);
/// Whether `object`, which stands beside the pods, may be written and so becomes `gateway`'s: it controls it, or nobody
/// does and the label hands it over. What somebody else has made must not go with the gateway.
bool may_take(const kube::Json& object, const kube::Json& gateway);

}  // namespace sluice::op
