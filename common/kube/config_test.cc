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
      {"no verification",
       head + "clusters: [{name: k, cluster: {server: 'https://a', insecure-skip-tls-verify: true}}]",
       "clusters[k].insecure-skip-tls-verify: is not supported"},
      {"a proxy", head + "clusters: [{name: k, cluster: {server: 'https://a', proxy-url: 'http://p'}}]",
       "clusters[k].proxy-url: is not supported"},
      {"an exec plugin", head + cluster + "users: [{name: u, user: {exec: {command: aws}, token: s3cret}}]",
       "users[u].exec: is not supported"},
      {"an auth provider", head + cluster + "users: [{name: u, user: {auth-provider: {name: gcp}}}]",
       "users[u].auth-provider: is not supported"},
      {"basic authentication", head + cluster + "users: [{name: u, user: {username: a, password: s3cret}}]",
       "users[u].username: is not supported"},
      {"impersonation", head + cluster + "users: [{name: u, user: {as: a, token: s3cret}}]",
       "users[u].as: is not supported"},
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

TEST_CASE("insecure-skip-tls-verify: false is no fault") {
  const Setup setup(
      "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
      "clusters: [{name: k, cluster: {server: 'https://a', insecure-skip-tls-verify: false}}]\n");
  CHECK(load_kubeconfig(setup.path).ok());
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
