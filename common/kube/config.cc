#include "common/kube/config.h"

#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/text.h"
#include "common/kube/base64.h"
#include "common/kube/credentials.h"

namespace sluice::kube {
namespace {

constexpr const char* kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/// One kubeconfig file.
struct Document {
  std::string path;
  YAML::Node root;
};

/// A cluster, user or context found by its name, and the file that it stands in.
struct Entry {
  const Document* document = nullptr;
  std::string where;  // "/home/a/.kube/config: users[admin]"
  YAML::Node body;
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
  return node.IsDefined() && !node.IsNull() &&
         !(node.IsScalar() && (node.Scalar().empty() || node.Scalar() == "false"));
}

Result<Document> load_document(const std::string& path) {
  Result<std::string> content = read_small_file(path);
  if (!content) return content.error();
  try {
    Document document{path, YAML::Load(*content)};
    if (document.root.IsNull()) document.root = YAML::Node(YAML::NodeType::Map);
    if (!document.root.IsMap()) return invalid(path, "is no kubeconfig: not a map");
    return document;
  } catch (const YAML::Exception& fault) {
    // Not fault.what(): it may quote the text, and the text holds secrets.
    return invalid(path + ":" + std::to_string(fault.mark.line + 1), "is not readable as YAML");
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
      return Entry{&document, document.path + ": " + list + "[" + name + "]",
                   is_there ? body : YAML::Node(YAML::NodeType::Map)};
    }
  }
  return invalid(documents.front().path, std::string(list) + " has no entry named " + name);
}

std::string beside(const Entry& entry, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute()) return path;
  return (std::filesystem::path(entry.document->path).parent_path() / given).string();
}

/// PEM from `<field>-data` (base64, goes first) or from the file that `field` names, which `file` then keeps.
Status read_pem(const Entry& entry, const std::string& field, std::string& pem, std::string& file) {
  if (const std::string data = text(entry.body, (field + "-data").c_str()); !data.empty()) {
    const std::optional<std::string> decoded = base64_decode(data);
    if (!decoded) return invalid(entry.where + "." + field + "-data", "is not base64");
    pem = *decoded;
    return Status::success();
  }
  const std::string path = text(entry.body, field.c_str());
  if (path.empty()) return Status::success();
  file = beside(entry, path);
  Result<std::string> content = read_small_file(file);
  if (!content) return content.error().in(entry.where + "." + field);
  pem = std::move(*content);
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

Status read_cluster(const Entry& cluster, Config& config) {
  if (Status refused = refuse(cluster, {{"insecure-skip-tls-verify", "give certificate-authority instead"},
                                        {"proxy-url", "set HTTPS_PROXY instead"}});
      !refused) {
    return refused;
  }
  config.server = text(cluster.body, "server");
  while (!config.server.empty() && config.server.back() == '/') config.server.pop_back();
  if (config.server.rfind("https://", 0) != 0 && config.server.rfind("http://", 0) != 0) {
    return invalid(cluster.where + ".server", "must be a URL that begins with https:// or http://");
  }
  config.tls.server_name = text(cluster.body, "tls-server-name");
  return read_pem(cluster, "certificate-authority", config.tls.ca_pem, config.ca_file);
}

Status read_user(const Entry& user, Config& config) {
  const char* plugin = "exec and auth plugins come later: use a token, a token file or a client certificate";
  if (Status refused = refuse(user, {{"exec", plugin},
                                     {"auth-provider", plugin},
                                     {"username", "API servers have no basic authentication any more"},
                                     {"as", "impersonation comes later"},
                                     {"as-uid", "impersonation comes later"},
                                     {"as-groups", "impersonation comes later"},
                                     {"as-user-extra", "impersonation comes later"}});
      !refused) {
    return refused;
  }
  if (Status read = read_pem(user, "client-certificate", config.tls.cert_pem, config.cert_file); !read) return read;
  if (Status read = read_pem(user, "client-key", config.tls.key_pem, config.key_file); !read) return read;
  if (config.tls.cert_pem.empty() != config.tls.key_pem.empty()) {
    return invalid(user.where, "needs client-certificate and client-key, or neither");
  }
  config.token = text(user.body, "token");
  const std::string token_file = text(user.body, "tokenFile");
  if (token_file.empty()) return Status::success();
  config.token_file = beside(user, token_file);
  if (Result<std::string> readable = read_small_file(config.token_file); !readable) {
    return readable.error().in(user.where + ".tokenFile");
  }
  return Status::success();
}

Result<Config> build_config(const std::vector<Document>& documents, std::string context_name) {
  for (const Document& document : documents) {
    if (context_name.empty()) context_name = text(document.root, "current-context");
  }
  if (context_name.empty()) return invalid(documents.front().path, "current-context is not set");
  Result<Entry> context = find_entry(documents, "contexts", "context", context_name);
  if (!context) return context.error();
  Result<Entry> cluster = find_entry(documents, "clusters", "cluster", text(context->body, "cluster"));
  if (!cluster) return cluster.error();
  Config config;
  if (Status read = read_cluster(*cluster, config); !read) return read.error();
  if (const std::string name = text(context->body, "user"); !name.empty()) {
    Result<Entry> user = find_entry(documents, "users", "user", name);
    if (!user) return user.error();
    if (Status read = read_user(*user, config); !read) return read.error();
  }
  if (const std::string ns = text(context->body, "namespace"); !ns.empty()) config.default_namespace = ns;
  return config;
}

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

}  // namespace

Result<Config> load_kubeconfigs(const std::vector<std::string>& paths, const std::string& context) {
  std::vector<Document> documents;
  std::string missing = "no kubeconfig is named";
  for (const std::string& path : paths) {
    Result<Document> document = load_document(path);
    if (document) {
      documents.push_back(std::move(*document));
    } else if (document.error().code == ErrorCode::kNotFound) {
      missing = document.error().message;
    } else {
      return document.error();
    }
  }
  if (documents.empty()) return Error{ErrorCode::kNotFound, missing};
  try {
    return build_config(documents, context);
  } catch (const YAML::Exception&) {
    return invalid(documents.front().path, "is no kubeconfig");
  }
}

Result<Config> load_kubeconfig(const std::string& path, const std::string& context) {
  return load_kubeconfigs({path}, context);
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

Result<Config> resolve_config(const std::string& kubeconfig_flag) {
  if (!kubeconfig_flag.empty()) return load_kubeconfig(kubeconfig_flag);
  if (const auto paths = split_paths(environment("KUBECONFIG")); !paths.empty()) return load_kubeconfigs(paths);
  Result<Config> in_cluster = in_cluster_config();
  if (in_cluster || in_cluster.error().code != ErrorCode::kNotFound) return in_cluster;
  const std::string home = environment("HOME");
  if (home.empty()) return in_cluster;
  Result<Config> from_home = load_kubeconfig(home + "/.kube/config");
  if (from_home || from_home.error().code != ErrorCode::kNotFound) return from_home;
  return Error{ErrorCode::kNotFound,
               "no API server is known: no --kubeconfig, no KUBECONFIG, no service account of a pod, "
               "no " +
                   home + "/.kube/config"};
}

}  // namespace sluice::kube
