#include "common/kube/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/kube/base64.h"
#include "common/kube/yaml_json.h"

namespace sluice::kube {
namespace {

constexpr const char* kExecExtension = "client.authentication.k8s.io/exec";
constexpr const char* kExecV1 = "client.authentication.k8s.io/v1";
constexpr const char* kExecV1Beta1 = "client.authentication.k8s.io/v1beta1";

/// One kubeconfig file.
struct Document {
  std::string path;
  YAML::Node root;
};

/// A cluster, user or context found by its name, and the file that it stands in.
struct Entry {
  std::string path;
  std::string where;  // "/home/a/.kube/config: users[admin]"
  YAML::Node body{YAML::NodeType::Map};
};

Error invalid(const std::string& where, const std::string& what) {
  return {ErrorCode::kInvalid, where + ": " + what};
}

/// The child of a map; an undefined node where `map` is none. Never inserts.
YAML::Node child(const YAML::Node& map, const char* field) {
  return map.IsMap() ? map[field] : YAML::Node(YAML::NodeType::Undefined);
}

/// A scalar's text; "" where it is absent or something else.
std::string text(const YAML::Node& map, const char* field) {
  const YAML::Node node = child(map, field);
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
}

bool is_set(const YAML::Node& map, const char* field) {
  const YAML::Node node = child(map, field);
  return node.IsDefined() && !node.IsNull() && !(node.IsScalar() && node.Scalar().empty());
}

Result<bool> flag(const Entry& entry, const char* field) {
  if (!is_set(entry.body, field)) return false;
  const std::string value = text(entry.body, field);
  if (value == "true") return true;
  if (value == "false") return false;
  return invalid(entry.where + "." + field, "must be true or false");
}

/// The texts of a list; nothing in it where it is absent.
Result<std::vector<std::string>> texts(const YAML::Node& map, const char* field, const std::string& where) {
  std::vector<std::string> out;
  if (!is_set(map, field)) return out;
  const YAML::Node list = child(map, field);
  if (!list.IsSequence()) return invalid(where + "." + field, "must be a list of texts");
  for (const YAML::Node& item : list) {
    if (!item.IsScalar()) return invalid(where + "." + field, "must be a list of texts");
    out.push_back(item.Scalar());
  }
  return out;
}

Result<Document> parse_document(const KubeconfigText& source) {
  try {
    Document document{source.path, YAML::Load(source.text)};
    if (document.root.IsNull()) document.root = YAML::Node(YAML::NodeType::Map);
    if (!document.root.IsMap()) return invalid(source.path, "is no kubeconfig: not a map");
    return document;
  } catch (const YAML::Exception& fault) {
    // Not fault.what(): it may quote the text, and the text holds secrets.
    return invalid(source.path + ":" + std::to_string(fault.mark.line + 1), "is not readable as YAML");
  }
}

/// The entry `name` of `list` ("users"), whose body stands under `kind` ("user"), in the first document that has it.
Result<Entry> find_entry(const std::vector<Document>& documents, const char* list, const char* kind,
                         const std::string& name) {
  for (const Document& document : documents) {
    const YAML::Node entries = child(document.root, list);
    if (!entries.IsDefined() || !entries.IsSequence()) continue;
    for (const YAML::Node& entry : entries) {
      if (text(entry, "name") != name) continue;
      const YAML::Node body = child(entry, kind);
      const bool is_there = body.IsDefined() && !body.IsNull();
      return Entry{document.path, document.path + ": " + list + "[" + name + "]",
                   is_there ? body : YAML::Node(YAML::NodeType::Map)};
    }
  }
  const std::string where = documents.empty() ? "no kubeconfig" : documents.front().path;
  return invalid(where, std::string(list) + " has no entry named " + name);
}

std::string beside(const Entry& entry, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute()) return path;
  return (std::filesystem::path(entry.path).parent_path() / given).string();
}

/// PEM from `<field>-data` (base64, goes first) or from the file that `field` names, which `file` then keeps.
Status read_pem(const Entry& entry, const std::string& field, const ReadFile& read, std::string& pem,
                std::string& file) {
  if (const std::string data = text(entry.body, (field + "-data").c_str()); !data.empty()) {
    const std::optional<std::string> decoded = base64_decode(data);
    if (!decoded) return invalid(entry.where + "." + field + "-data", "is not base64");
    pem = *decoded;
    return Status::success();
  }
  const std::string path = text(entry.body, field.c_str());
  if (path.empty()) return Status::success();
  file = beside(entry, path);
  Result<std::string> content = read(file);
  if (!content) return content.error().in(entry.where + "." + field);
  pem = std::move(*content);
  return Status::success();
}

Status check_server(const std::string& where, std::string& server) {
  while (!server.empty() && server.back() == '/') server.pop_back();
  if (server.starts_with("https://") || server.starts_with("http://")) return Status::success();
  return invalid(where, "must be a URL that begins with https:// or http://");
}

/// The URL itself stays out of the error: it may hold a password.
Status check_proxy(const std::string& where, const std::string& url) {
  for (const char* scheme : {"http://", "https://", "socks5://"}) {
    if (url.starts_with(scheme)) return Status::success();
  }
  return invalid(where, "must be a URL that begins with http://, https:// or socks5://");
}

Status read_cluster(const Entry& cluster, bool server_is_given, const ReadFile& read, Config& config) {
  config.server = text(cluster.body, "server");
  if (!server_is_given) {
    if (Status checked = check_server(cluster.where + ".server", config.server); !checked) return checked;
  }
  config.tls.server_name = text(cluster.body, "tls-server-name");
  config.proxy_url = text(cluster.body, "proxy-url");
  if (!config.proxy_url.empty()) {
    if (Status checked = check_proxy(cluster.where + ".proxy-url", config.proxy_url); !checked) return checked;
  }
  const Result<bool> insecure = flag(cluster, "insecure-skip-tls-verify");
  if (!insecure) return insecure.error();
  config.tls.insecure_skip_verify = *insecure;
  return read_pem(cluster, "certificate-authority", read, config.tls.ca_pem, config.ca_file);
}

/// What the cluster's extension says to the plugin, as JSON.
Result<std::string> exec_extension(const Entry& cluster) {
  const YAML::Node extensions = child(cluster.body, "extensions");
  if (!extensions.IsDefined() || !extensions.IsSequence()) return std::string();
  for (const YAML::Node& extension : extensions) {
    if (text(extension, "name") != kExecExtension) continue;
    const Result<Json> json = yaml_to_json(child(extension, "extension"));
    if (!json) return json.error().in(cluster.where + ".extensions[" + kExecExtension + "]");
    return json->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return std::string();
}

Result<ExecPlugin::Interactive> interactive_mode(const YAML::Node& exec, const std::string& where,
                                                 const std::string& api_version) {
  using Mode = ExecPlugin::Interactive;
  const std::string mode = text(exec, "interactiveMode");
  if (mode == "Never") return Mode::kNever;
  if (mode == "IfAvailable" || (mode.empty() && api_version == kExecV1Beta1)) return Mode::kIfAvailable;
  if (mode == "Always") return Mode::kAlways;
  return invalid(where + ".interactiveMode", "must be Never, IfAvailable or Always");
}

Status read_exec_environment(const YAML::Node& exec, const std::string& where, ExecPlugin& plugin) {
  if (!is_set(exec, "env")) return Status::success();
  const YAML::Node list = child(exec, "env");
  if (!list.IsSequence()) return invalid(where + ".env", "must be a list of names and values");
  for (const YAML::Node& item : list) {
    const std::string name = text(item, "name");
    if (name.empty() || name.find('=') != std::string::npos)
      return invalid(where + ".env", "a name is missing or wrong");
    plugin.env.emplace_back(name, text(item, "value"));
  }
  return Status::success();
}

Result<ExecPlugin> read_exec(const Entry& user, const Entry& cluster) {
  const std::string where = user.where + ".exec";
  const YAML::Node exec = child(user.body, "exec");
  if (!exec.IsMap()) return invalid(where, "must be a map");
  ExecPlugin plugin;
  plugin.api_version = text(exec, "apiVersion");
  if (plugin.api_version != kExecV1 && plugin.api_version != kExecV1Beta1) {
    return invalid(where + ".apiVersion", std::string("must be ") + kExecV1 + " or " + kExecV1Beta1);
  }
  plugin.command = text(exec, "command");
  if (plugin.command.empty()) return invalid(where + ".command", "is missing");
  if (plugin.command.find('/') != std::string::npos) plugin.command = beside(user, plugin.command);
  Result<std::vector<std::string>> args = texts(exec, "args", where);
  if (!args) return args.error();
  plugin.args = std::move(*args);
  if (Status read = read_exec_environment(exec, where, plugin); !read) return read.error();
  const auto mode = interactive_mode(exec, where, plugin.api_version);
  if (!mode) return mode.error();
  plugin.interactive = *mode;
  plugin.install_hint = text(exec, "installHint");
  plugin.provide_cluster_info = text(exec, "provideClusterInfo") == "true";
  Result<std::string> extension = exec_extension(cluster);
  if (!extension) return extension.error();
  plugin.cluster_config = std::move(*extension);
  return plugin;
}

Status read_impersonation(const Entry& user, Impersonation& out) {
  out.user = text(user.body, "as");
  out.uid = text(user.body, "as-uid");
  Result<std::vector<std::string>> groups = texts(user.body, "as-groups", user.where);
  if (!groups) return groups.error();
  out.groups = std::move(*groups);
  const YAML::Node extra = child(user.body, "as-user-extra");
  if (!extra.IsDefined() || extra.IsNull()) return Status::success();
  const std::string where = user.where + ".as-user-extra";
  if (!extra.IsMap()) return invalid(where, "must be a map of lists");
  for (const auto& pair : extra) {
    if (!pair.first.IsScalar()) return invalid(where, "must be a map of lists");
    const std::string key = pair.first.Scalar();
    Result<std::vector<std::string>> values = texts(extra, key.c_str(), where);
    if (!values) return values.error();
    out.extra[key] = std::move(*values);
  }
  return Status::success();
}

/// What we do not do must not be taken for done.
Status refuse(const Entry& entry, std::initializer_list<std::pair<const char*, const char*>> fields) {
  for (const auto& [field, instead] : fields) {
    if (is_set(entry.body, field))
      return invalid(entry.where + "." + field, std::string("is not supported; ") + instead);
  }
  return Status::success();
}

Status read_user(const Entry& user, const Entry& cluster, const ReadFile& read, Config& config) {
  if (Status refused = refuse(user, {{"auth-provider", "Kubernetes has removed these: use an exec plugin"},
                                     {"username", "API servers have no basic authentication any more"},
                                     {"password", "API servers have no basic authentication any more"}});
      !refused) {
    return refused;
  }
  if (Status pem = read_pem(user, "client-certificate", read, config.tls.cert_pem, config.cert_file); !pem) return pem;
  if (Status pem = read_pem(user, "client-key", read, config.tls.key_pem, config.key_file); !pem) return pem;
  if (config.tls.cert_pem.empty() != config.tls.key_pem.empty()) {
    return invalid(user.where, "needs client-certificate and client-key, or neither");
  }
  if (Status as = read_impersonation(user, config.impersonate); !as) return as;
  config.token = text(user.body, "token");
  if (const std::string token_file = text(user.body, "tokenFile"); !token_file.empty()) {
    config.token_file = beside(user, token_file);
    if (Result<std::string> readable = read(config.token_file); !readable) {
      return readable.error().in(user.where + ".tokenFile");
    }
  }
  if (!is_set(user.body, "exec")) return Status::success();
  Result<ExecPlugin> plugin = read_exec(user, cluster);
  if (!plugin) return plugin.error();
  config.exec = std::move(*plugin);
  return Status::success();
}

/// What is given otherwise goes before a plugin, which then is not even asked. Contradictions are refused.
Status settle(const std::string& where, Config& config) {
  if (!config.token.empty() || !config.token_file.empty() || !config.tls.cert_pem.empty()) config.exec.reset();
  if (config.tls.insecure_skip_verify && !config.tls.ca_pem.empty()) {
    return invalid(where, "insecure-skip-tls-verify and certificate-authority contradict each other");
  }
  const Impersonation& as = config.impersonate;
  if (as.user.empty() && !(as.uid.empty() && as.groups.empty() && as.extra.empty())) {
    return invalid(where, "as-uid, as-groups and as-user-extra need `as`, the user that they belong to");
  }
  return Status::success();
}

std::string current_context(const std::vector<Document>& documents, const ConfigOverrides& overrides) {
  if (!overrides.context.empty()) return overrides.context;
  for (const Document& document : documents) {
    if (std::string name = text(document.root, "current-context"); !name.empty()) return name;
  }
  return "";
}

Result<Config> build_config(const std::vector<Document>& documents, const ConfigOverrides& overrides,
                            const ReadFile& read) {
  const std::string context_name = current_context(documents, overrides);
  Entry context;
  if (!context_name.empty()) {
    Result<Entry> found = find_entry(documents, "contexts", "context", context_name);
    if (!found) return found.error();
    context = std::move(*found);
  } else if (overrides.server.empty() && overrides.cluster.empty()) {
    return invalid(documents.front().path, "current-context is not set");
  }
  Config config;
  Entry cluster;
  const bool server_is_given = !overrides.server.empty();
  const std::string cluster_name = overrides.cluster.empty() ? text(context.body, "cluster") : overrides.cluster;
  if (!cluster_name.empty() || !server_is_given) {
    Result<Entry> found = find_entry(documents, "clusters", "cluster", cluster_name);
    if (!found) return found.error();
    cluster = std::move(*found);
    if (Status done = read_cluster(cluster, server_is_given, read, config); !done) return done.error();
  }
  const std::string user_name = overrides.user.empty() ? text(context.body, "user") : overrides.user;
  if (!user_name.empty()) {
    Result<Entry> user = find_entry(documents, "users", "user", user_name);
    if (!user) return user.error();
    if (Status done = read_user(*user, cluster, read, config); !done) return done.error();
  }
  if (const std::string ns = text(context.body, "namespace"); !ns.empty()) config.default_namespace = ns;
  return config;
}

}  // namespace

Status apply_overrides(const ConfigOverrides& overrides, const std::string& where, const ReadFile& read,
                       Config& config) {
  if (!overrides.server.empty()) {
    config.server = overrides.server;
    if (Status checked = check_server("--server", config.server); !checked) return checked;
  }
  if (!overrides.server.empty() || !overrides.tls_server_name.empty()) {
    config.tls.server_name = overrides.tls_server_name;
  }
  if (!overrides.proxy_url.empty()) {
    if (Status checked = check_proxy("--proxy-url", overrides.proxy_url); !checked) return checked;
    config.proxy_url = overrides.proxy_url;
  }
  if (overrides.insecure_skip_verify || !overrides.certificate_authority.empty()) {
    config.tls.insecure_skip_verify = overrides.insecure_skip_verify;
    config.ca_file = overrides.certificate_authority;
    config.tls.ca_pem.clear();
  }
  if (!overrides.certificate_authority.empty()) {
    Result<std::string> roots = read(overrides.certificate_authority);
    if (!roots) return roots.error().in("--certificate-authority");
    config.tls.ca_pem = std::move(*roots);
  }
  if (!overrides.token.empty()) {
    config.token = overrides.token;
    config.token_file.clear();
  }
  if (!overrides.as.empty()) config.impersonate.user = overrides.as;
  if (!overrides.as_uid.empty()) config.impersonate.uid = overrides.as_uid;
  if (!overrides.as_groups.empty()) config.impersonate.groups = overrides.as_groups;
  if (overrides.request_timeout > Duration(0)) config.request_timeout = overrides.request_timeout;
  if (!overrides.ns.empty()) config.default_namespace = overrides.ns;
  return settle(where, config);
}

Result<Config> parse_kubeconfigs(const std::vector<KubeconfigText>& texts, const ConfigOverrides& overrides,
                                 const ReadFile& read) {
  std::vector<Document> documents;
  for (const KubeconfigText& source : texts) {
    Result<Document> document = parse_document(source);
    if (!document) return document.error();
    documents.push_back(std::move(*document));
  }
  if (documents.empty()) return Error{ErrorCode::kNotFound, "no kubeconfig is named"};
  try {
    Result<Config> config = build_config(documents, overrides, read);
    if (!config) return config;
    if (Status applied = apply_overrides(overrides, documents.front().path, read, *config); !applied) {
      return applied.error();
    }
    return config;
  } catch (const YAML::Exception&) {
    return invalid(documents.front().path, "is no kubeconfig");
  }
}

}  // namespace sluice::kube
