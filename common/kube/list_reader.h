// A List, object by object: what is decoded at a time stays small, however long it is. Pure.
#pragma once

#include <functional>
#include <string_view>

#include "common/base/result.h"
#include "common/kube/resource.h"

namespace sluice::kube {

/// Hands each entry of `items` to `on_object`, in order; answers the rest of the List. Errors: kUnavailable where
/// `text` is no JSON object (some objects may have been handed out by then).
Result<Json> read_list(std::string_view text, const std::function<void(Json)>& on_object);

}  // namespace sluice::kube
