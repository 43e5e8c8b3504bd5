// How the API server tells its extensions whom to trust: the ConfigMap kube-system/extension-apiserver-authentication.
// Source: k8s.io/apiserver pkg/server/options (RequestHeaderAuthenticationOptions),
// pkg/authentication/request/headerrequest.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace sluice::adapter {

inline constexpr const char* kAuthConfigNamespace = "kube-system";
inline constexpr const char* kAuthConfigName = "extension-apiserver-authentication";

struct AuthSettings {
  std::string client_ca_pem;               ///< Signs users' own certificates; empty: none are accepted.
  std::string request_header_ca_pem;       ///< Signs the front proxy's certificate; empty: there is no front proxy.
  std::vector<std::string> allowed_names;  ///< Common names of front proxies; empty: any that the CA signed.
  std::vector<std::string> username_headers, uid_headers, group_headers;  ///< In lower case.
  std::vector<std::string> extra_prefixes;                                ///< In lower case: "x-remote-extra-".
};

/// Reads the ConfigMap object. Errors: kInvalid (a list that is no JSON list of strings; a front proxy's CA without a
/// header for the user's name).
Result<AuthSettings> read_auth_settings(const nlohmann::json& config_map);

}  // namespace sluice::adapter
