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
  /// The token's user; nothing where the token is not valid. Errors: kUnavailable and what else the API server answers;
  /// kUnavailable with a retry_after where too many ask at a time.
  virtual Result<std::optional<User>> review_token(const std::string& token) = 0;
  /// Errors: as above.
  virtual Result<AccessDecision> review_access(const User& user, const AccessAttributes& attributes) = 0;
};

/// The SubjectAccessReview that asks for it.
kube::Json make_access_review(const User& user, const AccessAttributes& attributes);
/// The user in a TokenReview's status; nothing where it is not authenticated.
std::optional<User> read_token_review(const kube::Json& review);

/// How many questions may be under way at a time. Who asks without a name, or with a token that nobody has looked at
/// yet, has few slots of his own and is sent away at once where they are taken: a flood of either cannot hold up the
/// users, who wait for a slot.
struct ReviewSlots {
  int tokens = 1;
  int anonymous = 1;
  int users = 1;
  int users_waiting = 0;
  Duration patience{1'000};  ///< How long a user's question waits for a slot.
};

/// At the API server. Threads: any.
class KubeReviews final : public Reviews {
 public:
  KubeReviews(kube::Client& client, const ReviewSlots& slots)
      : client_(client),
        patience_(slots.patience),
        tokens_(slots.tokens),
        anonymous_(slots.anonymous),
        users_(slots.users, slots.users_waiting) {}
  Result<std::optional<User>> review_token(const std::string& token) override;
  Result<AccessDecision> review_access(const User& user, const AccessAttributes& attributes) override;

 private:
  kube::Client& client_;
  const Duration patience_;
  Slots tokens_, anonymous_, users_;
};

}  // namespace sluice::adapter
