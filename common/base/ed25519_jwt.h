// The token of the gateway's admin API: a JWT signed with EdDSA over Ed25519 (RFC 7519, RFC 8037), bound to one pod by
// its audience and valid for a minute. The operator signs, a gateway verifies; the algorithm is pinned, so that a
// token's own header cannot choose it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice {

/// An Ed25519 key pair. Copies share the key. The private part is erased when the last copy dies. Threads: any.
class SigningKey {
 public:
  /// A new key from the system's entropy.
  static Result<SigningKey> generate();
  /// From PKCS#8 PEM. Errors: kInvalid (not PEM, not Ed25519).
  static Result<SigningKey> from_pem(std::string_view pem);

  /// PKCS#8 PEM with the private key: a secret, only ever written into the operator's Secret.
  [[nodiscard]] std::string private_pem() const;
  /// SubjectPublicKeyInfo PEM, as it stands in the public-key ConfigMap.
  [[nodiscard]] std::string public_pem() const;
  /// The key's id: the first 16 hex digits of the SHA-256 of the raw public key.
  [[nodiscard]] std::string id() const;

  /// A compact JWT {iss: "sluice-operator", aud: audience, iat, exp}.
  [[nodiscard]] std::string sign(std::string_view audience, WallTime now, Duration valid_for) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// The public keys that a gateway trusts (two while keys rotate). Immutable. Threads: any.
class VerificationKeys {
 public:
  VerificationKeys() = default;
  /// Each entry is one SubjectPublicKeyInfo PEM. Errors: kInvalid names the entry's index.
  static Result<VerificationKeys> from_pems(const std::vector<std::string>& pems);

  /// Whether `token` is whole, signed by one of the keys, meant for `audience` and valid at `now` (30 s of clock skew
  /// are forgiven). Errors: kDenied with the reason, never with the token.
  [[nodiscard]] Status verify(std::string_view token, std::string_view audience, WallTime now) const;
  [[nodiscard]] bool empty() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace sluice
