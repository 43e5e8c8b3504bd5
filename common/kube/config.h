// Where the API server is and who we are: a kubeconfig file or a pod's service account.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/http/client.h"

namespace sluice::kube {

/// Connection settings, read once; the token is read again while running (see TokenSource).
struct Config {
  std::string server;  ///< "https://10.99.0.1:6443", no trailing slash.
  http::TlsOptions tls;
  std::string token;       ///< Bearer token; a secret. Empty where certificates authenticate.
  std::string token_file;  ///< Read again every minute where set: bound tokens expire within the hour.
  std::string ca_file;     ///< Read again every minute where set.
  std::string default_namespace = "default";
};

/// A kubeconfig's current context (or `context`). Paths inside are relative to the file's folder.
/// Errors: kNotFound (no file), kInvalid (names file and field). Source: client-go tools/clientcmd/api/v1.
Result<Config> load_kubeconfig(const std::string& path, const std::string& context = "");
/// The service account of the pod we run in. Errors: kNotFound outside a pod.
Result<Config> in_cluster_config();
/// As kubectl and client-go choose: `kubeconfig_flag`, else $KUBECONFIG, else in-cluster, else ~/.kube/config.
Result<Config> resolve_config(const std::string& kubeconfig_flag);

}  // namespace sluice::kube
