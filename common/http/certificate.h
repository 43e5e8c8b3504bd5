// Makes X.509 certificates: the self-signed one of a server that was given none, and the chains of tests.
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::http {

struct CertificateSpec {
  std::string common_name;
  std::vector<std::string> organizations;  ///< Kubernetes reads groups from them.
  std::vector<std::string> dns_names;      ///< Subject alternative names.
  std::vector<std::string> ip_addresses;   ///< Likewise; "10.0.0.1" or "::1".
  bool ca = false;                         ///< May sign others.
  bool for_client = true;                  ///< Extended key usage clientAuth.
  bool for_server = true;                  ///< Extended key usage serverAuth.
  WallTime not_before{};
  WallTime not_after{};
};

/// A certificate and its private key, PEM. The key is a secret.
struct CertifiedKey {
  std::string cert_pem;
  std::string key_pem;
};

/// A new P-256 key with its certificate, signed by `issuer`, or by itself where that is null.
/// Errors: kInvalid (a name that OpenSSL refuses, an issuer that cannot be read), kInternal.
Result<CertifiedKey> make_certificate(const CertificateSpec& spec, const CertifiedKey* issuer = nullptr);

/// When a PEM certificate (the first of a chain) ends. Errors: kInvalid.
Result<WallTime> certificate_end(const std::string& cert_pem);

/// The DER forms of all certificates of a PEM text, in order. Errors: kInvalid (none, or one is broken).
Result<std::vector<std::string>> pem_to_der(const std::string& pem);

}  // namespace sluice::http
