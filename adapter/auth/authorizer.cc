#include "adapter/auth/authorizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::adapter {

Authorizer::Authorizer(Reviews& reviews, const Clock& clock)
    : reviews_(reviews), decisions_(clock, kLifetime, kDecisionsMax) {}

Result<AccessDecision> Authorizer::decide(const User& user, const AccessAttributes& attributes) {
  if (std::find(user.groups.begin(), user.groups.end(), kMastersGroup) != user.groups.end()) {
    return AccessDecision{true, kMastersGroup};
  }
  // The review itself is the key: nothing that the decision depends on can be missing from it.
  const std::string key =
      make_access_review(user, attributes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (auto known = decisions_.get(key)) return *known;
  auto decided = reviews_.review_access(user, attributes);
  if (!decided) return Error{ErrorCode::kUnavailable, "cannot review access: " + decided.error().message};
  decisions_.put(key, *decided);
  return decided;
}

}  // namespace sluice::adapter
