// What is said to a credential plugin and what it answers. Pure. Source: client.authentication.k8s.io/v1
// ExecCredential, client-go plugin/pkg/client/auth/exec.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/kube/config.h"

namespace sluice::kube {

/// All of it is secret but the time. A token, a certificate with its key, or both.
struct ExecCredential {
  std::string token;
  std::string cert_pem;
  std::string key_pem;
  std::optional<WallTime> expires;
};

/// The value of KUBERNETES_EXEC_INFO.
std::string exec_info(const ExecPlugin& plugin, const Config& cluster, bool interactive);

/// Errors: kInvalid, without a word of `text`, which holds secrets.
Result<ExecCredential> parse_exec_credential(std::string_view text, std::string_view api_version);

/// What a plugin complained about, on one line of at most 1 KiB and without what may be a secret: the values of
/// `plugin.env`, PEM blocks, long words of base64's letters, and what follows "token", "password", "secret" or
/// "bearer".
std::string without_secrets(std::string_view complaint, const ExecPlugin& plugin);

}  // namespace sluice::kube
