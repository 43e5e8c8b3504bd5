// Whether a client's certificate chain leads to a CA we trust, and whom it names. Source: RFC 5280, k8s.io/apiserver
// pkg/authentication/request/x509.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::adapter {

/// Whom a certificate names.
struct CertificateName {
  std::string common_name;
  std::vector<std::string> organizations;
};

/// A set of CAs. Immutable; copies share it. Threads: any.
class CertificateTrust {
 public:
  /// Trusts nobody.
  CertificateTrust() = default;
  /// Errors: kInvalid (a certificate of the bundle cannot be read). An empty text trusts nobody.
  static Result<CertificateTrust> from_pem(const std::string& ca_bundle);

  [[nodiscard]] bool empty() const { return impl_ == nullptr; }
  /// `chain_der`: leaf first, then intermediates in any order. Errors: kDenied with the reason (unknown issuer,
  /// expired, not meant for clients).
  [[nodiscard]] Result<CertificateName> verify(const std::vector<std::string>& chain_der, WallTime now) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace sluice::adapter
