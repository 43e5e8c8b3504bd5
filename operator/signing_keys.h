// The key that signs calls to gateways: one Secret in the operator's own namespace, which only the operator reads.
#pragma once

#include <string>

#include "common/base/ed25519_jwt.h"
#include "common/base/result.h"
#include "common/kube/client.h"

namespace sluice::op {

inline constexpr const char* kSigningSecret = "sluice-admin-signing-key";
inline constexpr const char* kSigningSecretField = "private.pem";

/// Reads the key, or makes it where there is none yet; of several operators that make it at once one wins and all use
/// its key. Errors: kInvalid (the Secret holds no usable key: delete it, and a new one is made), the API server's own.
Result<SigningKey> ensure_signing_key(kube::Client& client, const std::string& ns);

}  // namespace sluice::op
