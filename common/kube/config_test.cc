#include "common/kube/config.h"

#include <doctest/doctest.h>

#include "common/kube/test_files.h"

namespace sluice::kube {
namespace {

const char* const kFull = R"(
apiVersion: v1
kind: Config
current-context: one
preferences: {}
clusters:
- name: local
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt}
- name: inline
  cluster: {server: "https://api.test/base", certificate-authority-data: Q0E=, tls-server-name: real.test}
- name: bare
  cluster: {server: "http://127.0.0.1:8001"}
users:
- name: cert
  user: {client-certificate: pki/admin.crt, client-key: pki/admin.key}
- name: data
  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}
- name: token
  user: {token: abc}
- name: file
  user: {token: abc, tokenFile: token}
contexts:
- name: one
  context: {cluster: local, user: cert}
- name: two
  context: {cluster: inline, user: data, namespace: tenants}
- name: three
  context: {cluster: local, user: token}
- name: four
  context: {cluster: local, user: file}
- name: five
  context: {cluster: bare}
)";

/// A folder with kFull and the files that it names.
struct Setup {
  TestFolder folder;
  std::string path;
  explicit Setup(std::string_view kubeconfig = kFull) {
    folder.write("pki/ca.crt", "CA");
    folder.write("pki/admin.crt", "CERT");
    folder.write("pki/admin.key", "KEY");
    folder.write("token", "from file\n");
    path = folder.write("config", kubeconfig);
  }
};

}  // namespace

TEST_CASE("a kubeconfig's contexts are read with what they name") {
  const Setup setup;
  SUBCASE("the current context, files beside the kubeconfig") {
    const Result<Config> config = load_kubeconfig(setup.path);
    REQUIRE(config.ok());
    CHECK(config->server == "https://10.0.0.1:6443");
    CHECK(config->tls.ca_pem == "CA");
    CHECK(config->ca_file == setup.folder.path("pki/ca.crt"));
    CHECK(config->tls.cert_pem == "CERT");
    CHECK(config->tls.key_pem == "KEY");
    CHECK(config->key_file == setup.folder.path("pki/admin.key"));
    CHECK(config->token.empty());
    CHECK(config->default_namespace == "default");
  }
  SUBCASE("data inside, another name to verify, a namespace") {
    const Result<Config> config = load_kubeconfig(setup.path, "two");
    REQUIRE(config.ok());
    CHECK(config->server == "https://api.test/base");
    CHECK(config->tls.server_name == "real.test");
    CHECK(config->tls.ca_pem == "CA");
    CHECK(config->ca_file.empty());
    CHECK(config->tls.cert_pem == "CERT");
    CHECK(config->tls.key_pem == "KEY");
    CHECK(config->default_namespace == "tenants");
  }
  SUBCASE("a token") {
    CHECK(load_kubeconfig(setup.path, "three")->token == "abc");
  }
  SUBCASE("a token file, read again later") {
    CHECK(load_kubeconfig(setup.path, "four")->token_file == setup.folder.path("token"));
  }
  SUBCASE("no user at all") {
    const Result<Config> config = load_kubeconfig(setup.path, "five");
    REQUIRE(config.ok());
    CHECK(config->server == "http://127.0.0.1:8001");
    CHECK(config->token.empty());
  }
}

TEST_CASE("what is wrong with a kubeconfig is named by file and field, without its secrets") {
  const std::string head = "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n";
  const std::string cluster = "clusters: [{name: k, cluster: {server: 'https://a'}}]\n";
  struct Row {
    std::string name;
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"not YAML", "current-context: [s3cret", "is not readable as YAML"},
      {"not a map", "s3cret", "is no kubeconfig"},
      {"empty", "", "current-context is not set"},
      {"a context that is not there", "current-context: gone", "contexts has no entry named gone"},
      {"a cluster that is not there", head, "clusters has no entry named k"},
      {"a user that is not there", head + cluster, "users has no entry named u"},
      {"no server", head + "clusters: [{name: k}]", "clusters[k].server: must be a URL"},
      {"a server without a scheme", head + "clusters: [{name: k, cluster: {server: 'a:6443'}}]",
       "clusters[k].server: must be a URL"},
      {"roots and no verification",
       head + "clusters: [{name: k, cluster: {server: 'https://a', insecure-skip-tls-verify: true, "
              "certificate-authority-data: Q0E=}}]\nusers: [{name: u}]",
       "contradict each other"},
      {"a flag that is none",
       head + "clusters: [{name: k, cluster: {server: 'https://a', "
              "insecure-skip-tls-verify: s3cret}}]",
       "clusters[k].insecure-skip-tls-verify: must be true or false"},
      {"a proxy of another kind",
       head + "clusters: [{name: k, cluster: {server: 'https://a', proxy-url: 'ftp://a:s3cret@p'}}]",
       "clusters[k].proxy-url: must be a URL"},
      {"a plugin without a command",
       head + cluster +
           "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, args: [s3cret]}}}]",
       "users[u].exec.command: is missing"},
      {"a plugin of an unknown version", head + cluster + "users: [{name: u, user: {exec: {apiVersion: v2}}}]",
       "users[u].exec.apiVersion: must be client.authentication.k8s.io/v1 or"},
      {"a plugin that does not say whether it asks",
       head + cluster + "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: c}}}]",
       "users[u].exec.interactiveMode: must be"},
      {"a plugin's environment without a name",
       head + cluster +
           "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: c, "
           "interactiveMode: Never, env: [{value: s3cret}]}}}]",
       "users[u].exec.env: a name is missing"},
      {"a plugin that is no map", head + cluster + "users: [{name: u, user: {exec: s3cret}}]", "users[u].exec: must"},
      {"a plugin's words that are no list",
       head + cluster +
           "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: c, "
           "args: s3cret}}}]",
       "users[u].exec.args: must be a list"},
      {"an auth provider", head + cluster + "users: [{name: u, user: {auth-provider: {name: gcp}}}]",
       "users[u].auth-provider: is not supported"},
      {"basic authentication", head + cluster + "users: [{name: u, user: {username: a, password: s3cret}}]",
       "users[u].username: is not supported"},
      {"groups without a user", head + cluster + "users: [{name: u, user: {as-groups: [g], token: s3cret}}]",
       "need `as`"},
      {"extra that is no map", head + cluster + "users: [{name: u, user: {as: a, as-user-extra: [s3cret]}}]",
       "users[u].as-user-extra: must be a map of lists"},
      {"a certificate without its key", head + cluster + "users: [{name: u, user: {client-certificate-data: QQ==}}]",
       "users[u]: needs client-certificate and client-key"},
      {"data that is not base64", head + cluster + "users: [{name: u, user: {client-key-data: s3cret!}}]",
       "users[u].client-key-data: is not base64"},
      {"a file that is not there", head + cluster + "users: [{name: u, user: {tokenFile: gone}}]",
       "users[u].tokenFile: "},
      {"a list where a map belongs", "current-context: c\ncontexts: {c: s3cret}", "contexts has no entry named c"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Setup setup(row.text);
    const Result<Config> config = load_kubeconfig(setup.path);
    REQUIRE(!config.ok());
    CAPTURE(config.error().message);
    CHECK(config.error().message.find(setup.folder.path("")) != std::string::npos);
    CHECK(config.error().message.find(row.message) != std::string::npos);
    CHECK(config.error().message.find("s3cret") == std::string::npos);
  }
}

TEST_CASE("insecure-skip-tls-verify, proxy-url and impersonation are taken") {
  const Setup setup(R"(
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: 'https://a', insecure-skip-tls-verify: true, proxy-url: 'socks5://p:1080'}}]
users: [{name: u, user: {as: jane, as-uid: "7", as-groups: [dev, ops], as-user-extra: {scopes: [view, edit]}}}]
)");
  const Result<Config> config = load_kubeconfig(setup.path);
  REQUIRE(config.ok());
  CHECK(config->tls.insecure_skip_verify);
  CHECK(config->proxy_url == "socks5://p:1080");
  CHECK(config->impersonate.user == "jane");
  CHECK(config->impersonate.uid == "7");
  CHECK(config->impersonate.groups == std::vector<std::string>{"dev", "ops"});
  CHECK(config->impersonate.extra.at("scopes") == std::vector<std::string>{"view", "edit"});
}

TEST_CASE("an exec plugin is taken with its cluster's extension") {
  const std::string text = R"(
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters:
- name: k
  cluster:
    server: https://a
    extensions:
    - {name: other, extension: {x: 1}}
    - {name: client.authentication.k8s.io/exec, extension: {audience: "06", deep: [1, true, ~, 1.5, plain]}}
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/login
      args: [--cluster, one]
      env: [{name: REGION, value: west}]
      interactiveMode: Never
      provideClusterInfo: true
      installHint: get it at example.test
)";
  const Setup setup(text);
  const Result<Config> config = load_kubeconfig(setup.path);
  REQUIRE(config.ok());
  REQUIRE(config->exec.has_value());
  const ExecPlugin& plugin = *config->exec;
  CHECK(plugin.api_version == "client.authentication.k8s.io/v1");
  CHECK(plugin.command == setup.folder.path("bin/login"));
  CHECK(plugin.args == std::vector<std::string>{"--cluster", "one"});
  CHECK(plugin.env == std::vector<std::pair<std::string, std::string>>{{"REGION", "west"}});
  CHECK(plugin.interactive == ExecPlugin::Interactive::kNever);
  CHECK(plugin.provide_cluster_info);
  CHECK(plugin.install_hint == "get it at example.test");
  CHECK(plugin.cluster_config == R"({"audience":"06","deep":[1,true,null,1.5,"plain"]})");
  SUBCASE("but not where a token is there, too") {
    const Setup both(text + "    token: abc\n");
    const Result<Config> with_token = load_kubeconfig(both.path);
    REQUIRE(with_token.ok());
    CHECK(with_token->token == "abc");
    CHECK(!with_token->exec.has_value());
  }
  SUBCASE("nor where the command line has one") {
    const Result<Config> with_token = load_kubeconfigs({setup.path}, {.token = "abc"});
    REQUIRE(with_token.ok());
    CHECK(!with_token->exec.has_value());
  }
}

TEST_CASE("what the command line says goes before the kubeconfig") {
  const Setup setup;
  const auto load = [&](const ConfigOverrides& overrides) { return load_kubeconfigs({setup.path}, overrides); };
  SUBCASE("context, cluster, user and namespace by their names") {
    const Result<Config> config = load({.context = "one", .cluster = "inline", .user = "token", .ns = "mine"});
    REQUIRE(config.ok());
    CHECK(config->server == "https://api.test/base");
    CHECK(config->token == "abc");
    CHECK(config->tls.cert_pem.empty());
    CHECK(config->default_namespace == "mine");
  }
  SUBCASE("names that are not there") {
    CHECK(load({.context = "gone"}).error().message.find("contexts has no entry named gone") != std::string::npos);
    CHECK(load({.cluster = "gone"}).error().message.find("clusters has no entry named gone") != std::string::npos);
    CHECK(load({.user = "gone"}).error().message.find("users has no entry named gone") != std::string::npos);
  }
  SUBCASE("another server loses the name that the old one is verified by") {
    const Result<Config> config = load({.context = "two", .server = "https://other:1/"});
    REQUIRE(config.ok());
    CHECK(config->server == "https://other:1");
    CHECK(config->tls.server_name.empty());
    CHECK(load({.context = "two", .server = "https://o", .tls_server_name = "n"})->tls.server_name == "n");
    CHECK(load({.server = "other"}).error().message.find("--server: must be a URL") != std::string::npos);
  }
  SUBCASE("a token goes before a token file") {
    const Result<Config> config = load({.context = "four", .token = "mine"});
    REQUIRE(config.ok());
    CHECK(config->token == "mine");
    CHECK(config->token_file.empty());
  }
  SUBCASE("roots, or none") {
    const Result<Config> mine =
        load({.context = "two", .certificate_authority = setup.folder.write("mine.crt", "MINE")});
    REQUIRE(mine.ok());
    CHECK(mine->tls.ca_pem == "MINE");
    CHECK(mine->ca_file == setup.folder.path("mine.crt"));
    const Result<Config> none = load({.insecure_skip_verify = true});
    REQUIRE(none.ok());
    CHECK(none->tls.insecure_skip_verify);
    CHECK(none->tls.ca_pem.empty());
    CHECK(none->ca_file.empty());
    CHECK(load({.certificate_authority = setup.folder.path("gone")}).error().code == ErrorCode::kNotFound);
  }
  SUBCASE("impersonation, a proxy and a time limit") {
    const Result<Config> config =
        load({.proxy_url = "http://p", .as = "jane", .as_uid = "7", .as_groups = {"dev"}, .request_timeout = 5s});
    REQUIRE(config.ok());
    CHECK(config->proxy_url == "http://p");
    CHECK(config->impersonate.user == "jane");
    CHECK(config->impersonate.uid == "7");
    CHECK(config->impersonate.groups == std::vector<std::string>{"dev"});
    CHECK(config->request_timeout == 5s);
    CHECK(load({.as_groups = {"dev"}}).error().code == ErrorCode::kInvalid);
  }
  SUBCASE("a server alone needs neither context nor cluster") {
    const std::string empty = setup.folder.write("empty", "");
    const Result<Config> config = load_kubeconfigs({empty}, {.server = "http://127.0.0.1:8001"});
    REQUIRE(config.ok());
    CHECK(config->server == "http://127.0.0.1:8001");
    CHECK(!load_kubeconfigs({empty}, {}).ok());
  }
}

TEST_CASE("a kubeconfig can be read again, with the same overrides") {
  const Setup setup;
  const Result<Config> config = load_kubeconfigs({setup.path}, {.context = "three", .ns = "mine"});
  REQUIRE(config.ok());
  setup.folder.write("config",
                     "current-context: three\nusers: [{name: token, user: {token: new}}]\n"
                     "contexts: [{name: three, context: {cluster: local, user: token}}]\n"
                     "clusters: [{name: local, cluster: {server: 'https://10.0.0.1:6443'}}]\n");
  const Result<std::optional<Config>> again = config->reload();
  REQUIRE(again.ok());
  REQUIRE(again->has_value());
  CHECK((*again)->token == "new");
  CHECK((*again)->default_namespace == "mine");
  const Result<std::optional<Config>> unchanged = (*again)->reload();
  REQUIRE(unchanged.ok());
  CHECK(!unchanged->has_value());
}

TEST_CASE("--request-timeout is read as kubectl reads it") {
  CHECK(*parse_request_timeout("30s") == 30s);
  CHECK(*parse_request_timeout("1m30s") == 90s);
  CHECK(*parse_request_timeout("5") == 5s);
  CHECK(*parse_request_timeout("0") == 0s);
  for (const char* bad : {"", "-1", "5 s", "soon"})
    CHECK(parse_request_timeout(bad).error().code == ErrorCode::kInvalid);
}

TEST_CASE("several kubeconfigs read as one, the first word wins, absent files are skipped") {
  const TestFolder folder;
  const std::string first = folder.write("first", "current-context: c\nusers: [{name: u, user: {token: one}}]");
  const std::string second =
      folder.write("second",
                   "current-context: other\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                   "clusters: [{name: k, cluster: {server: 'https://a'}}]\nusers: [{name: u, user: {token: two}}]");
  const Result<Config> config = load_kubeconfigs({folder.path("absent"), first, second});
  REQUIRE(config.ok());
  CHECK(config->server == "https://a");
  CHECK(config->token == "one");
  CHECK(load_kubeconfigs({folder.path("absent")}).error().code == ErrorCode::kNotFound);
  CHECK(load_kubeconfigs({}).error().code == ErrorCode::kNotFound);
}

TEST_CASE("a pod's service account") {
  const TestFolder folder;
  folder.write("token", "t");
  folder.write("ca.crt", "CA");
  folder.write("namespace", "sluice-system\n");
  const std::string root = folder.path(".");
  const Result<Config> config = in_cluster_config_from("10.96.0.1", "443", root);
  REQUIRE(config.ok());
  CHECK(config->server == "https://10.96.0.1:443");
  CHECK(config->tls.ca_pem == "CA");
  CHECK(config->token_file == root + "/token");
  CHECK(config->default_namespace == "sluice-system");
  CHECK(in_cluster_config_from("fd00::1", "443", root)->server == "https://[fd00::1]:443");
  CHECK(in_cluster_config_from("", "", root).error().code == ErrorCode::kNotFound);
  CHECK(in_cluster_config_from("10.96.0.1", "443", root + "/gone").error().code == ErrorCode::kNotFound);
}

}  // namespace sluice::kube
