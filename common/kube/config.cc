#include "common/kube/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "common/base/duration_text.h"
#include "common/base/text.h"
#include "common/kube/credentials.h"
#include "common/kube/kubeconfig.h"

namespace sluice::kube {
namespace {

constexpr const char* kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
  return value == nullptr ? "" : value;
}

std::vector<std::string> split_paths(const std::string& list) {
  std::vector<std::string> paths;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const auto end = std::min(list.find(':', begin), list.size());
    if (end > begin) paths.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return paths;
}

/// `config` is empty where a server that the command line names has to suffice.
Result<Config> with_overrides(Config config, const ConfigOverrides& overrides) {
  if (Status applied = apply_overrides(overrides, "the command line", read_small_file, config); !applied) {
    return applied.error();
  }
  return config;
}

Result<std::vector<KubeconfigText>> read_texts(const std::vector<std::string>& paths) {
  std::vector<KubeconfigText> texts;
  std::string missing = "no kubeconfig is named";
  for (const std::string& path : paths) {
    Result<std::string> content = read_small_file(path);
    if (content) {
      texts.push_back({path, std::move(*content)});
    } else if (content.error().code == ErrorCode::kNotFound) {
      missing = content.error().message;
    } else {
      return content.error();
    }
  }
  if (texts.empty()) return Error{ErrorCode::kNotFound, missing};
  return texts;
}

Result<Config> with_reload(const std::vector<std::string>& paths, const ConfigOverrides& overrides,
                           std::vector<KubeconfigText> texts) {
  Result<Config> config = parse_kubeconfigs(texts, overrides, read_small_file);
  if (!config) return config;
  config->reload = [paths, overrides, known = std::move(texts)]() -> Result<std::optional<Config>> {
    Result<std::vector<KubeconfigText>> now = read_texts(paths);
    if (!now) return now.error();
    if (*now == known) return std::optional<Config>();
    Result<Config> fresh = with_reload(paths, overrides, std::move(*now));
    if (!fresh) return fresh.error();
    return std::optional<Config>(std::move(*fresh));
  };
  return config;
}

}  // namespace

Result<Config> load_kubeconfigs(const std::vector<std::string>& paths, const ConfigOverrides& overrides) {
  Result<std::vector<KubeconfigText>> texts = read_texts(paths);
  if (!texts) return texts.error();
  return with_reload(paths, overrides, std::move(*texts));
}

Result<Config> load_kubeconfig(const std::string& path, const std::string& context) {
  return load_kubeconfigs({path}, {.context = context});
}

Result<Config> in_cluster_config_from(const std::string& host, const std::string& port, const std::string& folder) {
  if (host.empty() || port.empty()) {
    return Error{ErrorCode::kNotFound, "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"};
  }
  Config config;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  config.server = "https://" + (is_ipv6 ? "[" + host + "]" : host) + ":" + port;
  config.token_file = folder + "/token";
  if (Result<std::string> token = read_small_file(config.token_file); !token) return token.error();
  config.ca_file = folder + "/ca.crt";
  Result<std::string> roots = read_small_file(config.ca_file);
  if (!roots) return roots.error();
  config.tls.ca_pem = std::move(*roots);
  if (Result<std::string> ns = read_small_file(folder + "/namespace"); ns && !trim(*ns).empty()) {
    config.default_namespace = trim(*ns);
  }
  return config;
}

Result<Config> in_cluster_config() {
  return in_cluster_config_from(environment("KUBERNETES_SERVICE_HOST"), environment("KUBERNETES_SERVICE_PORT"),
                                kServiceAccountFolder);
}

Result<Config> resolve_config(const ConfigOverrides& overrides) {
  if (!overrides.kubeconfig.empty()) return load_kubeconfigs({overrides.kubeconfig}, overrides);
  if (const auto paths = split_paths(environment("KUBECONFIG")); !paths.empty()) {
    Result<Config> config = load_kubeconfigs(paths, overrides);
    if (config || config.error().code != ErrorCode::kNotFound || overrides.server.empty()) return config;
    return with_overrides({}, overrides);
  }
  Result<Config> in_cluster = in_cluster_config();
  if (in_cluster) return with_overrides(std::move(*in_cluster), overrides);
  if (in_cluster.error().code != ErrorCode::kNotFound) return in_cluster;
  const std::string home = environment("HOME");
  const std::string path = home + "/.kube/config";
  if (!home.empty()) {
    Result<Config> from_home = load_kubeconfigs({path}, overrides);
    if (from_home || from_home.error().code != ErrorCode::kNotFound) return from_home;
  }
  if (!overrides.server.empty()) return with_overrides({}, overrides);
  if (home.empty()) return in_cluster;
  return Error{ErrorCode::kNotFound,
               "no API server is known: no --kubeconfig, no KUBECONFIG, no service account of a pod, no " + path};
}

Result<Config> resolve_config(const std::string& kubeconfig_flag) {
  return resolve_config(ConfigOverrides{.kubeconfig = kubeconfig_flag});
}

Result<Duration> parse_request_timeout(const std::string& text) {
  int seconds = 0;
  const auto [at, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (fault == std::errc() && at == text.data() + text.size() && seconds >= 0) {
    return Duration(std::chrono::seconds(seconds));
  }
  if (const auto duration = parse_duration(text)) return *duration;
  return Error{ErrorCode::kInvalid, "--request-timeout must be a duration like 30s or 1m30s, or 0 for none"};
}

}  // namespace sluice::kube
