// Whether a user may have what is asked for: the API server decides (SubjectAccessReview), its answers are kept for a
// moment. Source: k8s.io/apiserver plugin/pkg/authorizer/webhook.
#pragma once

#include "adapter/auth/expiring_cache.h"
#include "adapter/auth/reviews.h"
#include "adapter/auth/user.h"

namespace sluice::adapter {

/// Threads: any.
class Authorizer {
 public:
  /// References live longer.
  Authorizer(Reviews& reviews, const Clock& clock);

  /// system:masters may do everything, without a question. Errors: kInvalid where path, namespace, resource and name
  /// are longer than anything that exists, kUnavailable where the API server cannot be asked (with a retry_after where
  /// too many ask at a time).
  [[nodiscard]] Result<AccessDecision> decide(const User& user, const AccessAttributes& attributes);

  static constexpr Duration kLifetime{10'000};
  static constexpr std::size_t kDecisionsMax = 4096;
  /// A longer question is not worth an answer: each of the four parts is a name, of 253 bytes at most for most kinds.
  static constexpr std::size_t kChosenBytesMax = 4096;

 private:
  Reviews& reviews_;
  ExpiringCache<AccessDecision> decisions_;
};

}  // namespace sluice::adapter
