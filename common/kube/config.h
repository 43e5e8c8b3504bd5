// Where the API server is and who we are: a kubeconfig file or a pod's service account.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/http/client.h"

namespace sluice::kube {

/// Connection settings. What stands in files is read again while running: bound tokens expire within the hour.
struct Config {
  std::string server;  ///< "https://10.99.0.1:6443", no trailing slash.
  http::TlsOptions tls;
  std::string token;       ///< Bearer token; a secret. Empty where certificates authenticate.
  std::string token_file;  ///< Where set it is read again and goes before `token`.
  std::string ca_file;     ///< Where set it is read again and goes before `tls.ca_pem`.
  std::string cert_file;   ///< As `ca_file`, for the client's certificate and its key.
  std::string key_file;
  Duration reread_interval{60'000};
  std::string default_namespace = "default";
};

/// A kubeconfig's current context (or `context`). Paths inside are relative to the file's folder. Exec and
/// auth-provider plugins, basic authentication, impersonation, proxies and insecure-skip-tls-verify are refused by
/// name. Errors: kNotFound (no file), kInvalid (names file and field). Source: client-go tools/clientcmd/api/v1.
Result<Config> load_kubeconfig(const std::string& path, const std::string& context = "");
/// Several files as one, as $KUBECONFIG lists them: the first one that says something wins; absent ones are skipped.
Result<Config> load_kubeconfigs(const std::vector<std::string>& paths, const std::string& context = "");
/// The service account of the pod we run in. Errors: kNotFound outside a pod.
Result<Config> in_cluster_config();
/// The same from values instead of the environment; `folder` holds token, ca.crt and namespace. Exposed for its test.
Result<Config> in_cluster_config_from(const std::string& host, const std::string& port, const std::string& folder);
/// As kubectl and client-go choose: `kubeconfig_flag`, else $KUBECONFIG, else in-cluster, else ~/.kube/config.
Result<Config> resolve_config(const std::string& kubeconfig_flag);

}  // namespace sluice::kube
