// Who a request comes from. In this order: the front proxy's headers, the client's own certificate, a bearer token, and
// nobody (system:anonymous). Source: k8s.io/apiserver pkg/authentication (delegated authentication).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "adapter/auth/auth_settings.h"
#include "adapter/auth/certificate_trust.h"
#include "adapter/auth/expiring_cache.h"
#include "adapter/auth/reviews.h"
#include "adapter/auth/user.h"
#include "common/http/server.h"

namespace sluice::adapter {

/// The user that a front proxy's headers name, without having asked whether they may be believed; an empty name where
/// they name none.
User user_of_headers(const http::ServerRequest& request, const AuthSettings& settings);

/// Threads: any.
class Authenticator {
 public:
  /// References live longer.
  Authenticator(Reviews& reviews, const Clock& clock);

  /// New settings from the API server. Errors: kInvalid (a CA cannot be read), and the old ones stay.
  Status set_settings(AuthSettings settings);
  [[nodiscard]] bool ready() const;

  /// Errors: kDenied (a credential that is not valid, or headers that only a front proxy may send: 401), kUnavailable
  /// (not ready yet, or the API server cannot be asked about a token: 503, or 429 with a retry_after). Never holds a
  /// token.
  [[nodiscard]] Result<User> authenticate(const http::ServerRequest& request);

  static constexpr Duration kTokenLifetime{10'000};
  static constexpr std::size_t kTokensMax = 4096;

 private:
  struct Trust {
    AuthSettings settings;
    CertificateTrust front_proxy, clients;
  };
  [[nodiscard]] std::shared_ptr<const Trust> trust() const;
  [[nodiscard]] Result<User> by_token(const std::string& token);

  Reviews& reviews_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Trust> trust_;  // guarded by mutex_; null until the first settings
  ExpiringCache<std::optional<User>> tokens_;
};

}  // namespace sluice::adapter
