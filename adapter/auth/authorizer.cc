#include "adapter/auth/authorizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapter/auth/digest.h"

namespace sluice::adapter {
namespace {

// How much of a review is for the caller to choose.
std::size_t chosen_bytes(const AccessAttributes& attributes) {
  return attributes.path.size() + attributes.ns.size() + attributes.resource.size() + attributes.subresource.size() +
         attributes.name.size();
}

}  // namespace

Authorizer::Authorizer(Reviews& reviews, const Clock& clock)
    : reviews_(reviews), decisions_(clock, kLifetime, kDecisionsMax) {}

Result<AccessDecision> Authorizer::decide(const User& user, const AccessAttributes& attributes) {
  if (chosen_bytes(attributes) > kChosenBytesMax) {
    return Error{ErrorCode::kInvalid, "the request's path is too long"};
  }
  if (std::find(user.groups.begin(), user.groups.end(), kMastersGroup) != user.groups.end()) {
    return AccessDecision{true, kMastersGroup};
  }
  // The whole review is the key, so that nothing that the decision depends on can be missing from it; its digest, so
  // that nobody decides by the length of a question how much memory an answer takes.
  const std::string key =
      digest(make_access_review(user, attributes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (auto known = decisions_.get(key)) return *known;
  auto decided = reviews_.review_access(user, attributes);
  if (!decided) {
    const Error& error = decided.error();
    return Error{ErrorCode::kUnavailable, "cannot review access: " + error.message, error.retry_after};
  }
  decisions_.put(key, *decided);
  return decided;
}

}  // namespace sluice::adapter
