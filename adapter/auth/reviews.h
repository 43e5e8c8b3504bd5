// What only the API server knows: whose token it is, and who may do what. Source: authentication.k8s.io/v1 TokenReview,
// authorization.k8s.io/v1 SubjectAccessReview.
#pragma once

#include <optional>
#include <string>

#include "adapter/auth/user.h"
#include "adapter/slots.h"
#include "common/base/result.h"
#include "common/kube/client.h"

namespace sluice::adapter {

/// What somebody wants to do: read a resource, or a path that belongs to none.
struct AccessAttributes {
  std::string verb = "get";
  std::string path;  ///< Set: a non-resource request, and nothing below counts.
  std::string group, version, ns, resource, subresource, name;

  bool operator==(const AccessAttributes&) const = default;
};

struct AccessDecision {
  bool allowed = false;
  std::string reason;
};

/// Threads: any; blocks.
class Reviews {
 public:
  virtual ~Reviews() = default;
  /// The token's user; nothing where the token is not valid. Errors: kUnavailable and what else the API server answers.
  virtual Result<std::optional<User>> review_token(const std::string& token) = 0;
  virtual Result<AccessDecision> review_access(const User& user, const AccessAttributes& attributes) = 0;
};

/// The SubjectAccessReview that asks for it.
kube::Json make_access_review(const User& user, const AccessAttributes& attributes);
/// The user in a TokenReview's status; nothing where it is not authenticated.
std::optional<User> read_token_review(const kube::Json& review);

/// At the API server; only so many at a time, so that a flood of unknown tokens cannot hold every worker.
/// Threads: any.
class KubeReviews final : public Reviews {
 public:
  KubeReviews(kube::Client& client, int at_once_max) : client_(client), slots_(at_once_max) {}
  Result<std::optional<User>> review_token(const std::string& token) override;
  Result<AccessDecision> review_access(const User& user, const AccessAttributes& attributes) override;

 private:
  kube::Client& client_;
  Slots slots_;
};

}  // namespace sluice::adapter
