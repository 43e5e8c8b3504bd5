// Where the API server is and who we are: a kubeconfig file or a pod's service account.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/http/client.h"

namespace sluice::kube {

/// A program that answers with credentials. Source: client.authentication.k8s.io/v1, client-go clientcmd ExecConfig.
struct ExecPlugin {
  /// "client.authentication.k8s.io/v1" or ".../v1beta1": what it is asked in, and must answer in.
  std::string api_version;
  std::string command;  ///< An absolute path, or a name to be found in $PATH.
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  ///< Beside our own environment. Values may be secrets.
  std::string install_hint;                              ///< For who lacks the program.
  bool provide_cluster_info = false;                     ///< Tells it the server and its roots.
  std::string cluster_config;  ///< JSON of the cluster's extension client.authentication.k8s.io/exec; "" for none.
  enum class Interactive { kNever, kIfAvailable, kAlways };
  Interactive interactive = Interactive::kIfAvailable;  ///< Whether it may ask at our terminal.

  bool operator==(const ExecPlugin&) const = default;
};

/// Whose rights are used instead of our own, where we may. Source: authentication.k8s.io, user impersonation.
struct Impersonation {
  std::string user;  ///< "" for nobody: then the rest is empty, too.
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};

/// Connection settings. What stands in files is read again while running: bound tokens expire within the hour.
struct Config {
  std::string server;  ///< "https://10.99.0.1:6443", no trailing slash.
  http::TlsOptions tls;
  std::string proxy_url;   ///< http, https or socks5; "" goes by the environment. May hold a password.
  std::string token;       ///< Bearer token; a secret. Empty where certificates authenticate.
  std::string token_file;  ///< Where set it is read again and goes before `token`.
  std::string ca_file;     ///< Where set it is read again and goes before `tls.ca_pem`.
  std::string cert_file;   ///< As `ca_file`, for the client's certificate and its key.
  std::string key_file;
  std::optional<ExecPlugin> exec;  ///< Asked where none of the above authenticates.
  Impersonation impersonate;
  Duration reread_interval{60'000};
  /// Reads the kubeconfig again, with the same overrides: nothing where its text is still what this was made from. Null
  /// where there is none. Called by one thread at a time.
  std::function<Result<std::optional<Config>>()> reload;
  Duration request_timeout{0};  ///< Where it is more than 0, of each call, instead of the call's own.
  std::string default_namespace = "default";
};

/// What a command line says: it goes before the kubeconfig's word, as with kubectl's flags. Empty means not given.
struct ConfigOverrides {
  std::string kubeconfig;             ///< --kubeconfig: this file alone.
  std::string context;                ///< --context, instead of the current one.
  std::string cluster;                ///< --cluster: its name in the kubeconfig.
  std::string user;                   ///< --user: likewise.
  std::string ns;                     ///< -n, --namespace
  std::string server;                 ///< --server; the kubeconfig's tls-server-name goes with the kubeconfig's server.
  std::string token;                  ///< --token: instead of a token file and a plugin.
  std::string certificate_authority;  ///< --certificate-authority: a path.
  std::string tls_server_name;        ///< --tls-server-name
  std::string proxy_url;              ///< --proxy-url
  bool insecure_skip_verify = false;  ///< --insecure-skip-tls-verify: the kubeconfig's roots are not used.
  std::string as;                     ///< --as
  std::string as_uid;                 ///< --as-uid
  std::vector<std::string> as_groups;  ///< --as-group
  Duration request_timeout{0};         ///< --request-timeout
};

/// A kubeconfig's current context (or `context`). Paths inside are relative to the file's folder. Auth-provider plugins
/// and basic authentication are refused by name. Errors: kNotFound (no file), kInvalid (names file and field). Source:
/// client-go tools/clientcmd.
Result<Config> load_kubeconfig(const std::string& path, const std::string& context = "");
/// Several files as one, as $KUBECONFIG lists them: the first one that says something wins; absent ones are skipped.
Result<Config> load_kubeconfigs(const std::vector<std::string>& paths, const ConfigOverrides& overrides = {});
/// The service account of the pod we run in. Errors: kNotFound outside a pod.
Result<Config> in_cluster_config();
/// The same from values instead of the environment; `folder` holds token, ca.crt and namespace. Exposed for its test.
Result<Config> in_cluster_config_from(const std::string& host, const std::string& port, const std::string& folder);
/// As controller-runtime chooses: `overrides.kubeconfig`, else $KUBECONFIG, else in-cluster, else ~/.kube/config. With
/// `overrides.server` none of them need be there.
Result<Config> resolve_config(const ConfigOverrides& overrides);
Result<Config> resolve_config(const std::string& kubeconfig_flag);
/// --request-timeout as kubectl takes it: "30s", "1m30s", or seconds without a unit; "0" is none. Errors: kInvalid.
Result<Duration> parse_request_timeout(const std::string& text);

}  // namespace sluice::kube
