#include "common/kube/credentials.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "common/kube/client.h"
#include "common/kube/test_files.h"
#include "tests/integration/kube/cluster.h"

namespace sluice::kube {
namespace {

const Resource kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
const Resource kSelfSubjectReviews{"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", false};

/// A bound token of a new service account.
std::string token_of(TestNamespace& ns, const std::string& account) {
  const Json object = {{"metadata", {{"name", account}}}};
  if (!ns.client().create(kServiceAccounts, ns.name(), object)) return "";
  const Result<http::Response> answer =
      ns.client().raw("POST", kServiceAccounts.path(ns.name(), account, "token"),
                      R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}})");
  return answer ? text_at(Json::parse(answer->body, nullptr, false), "/status/token") : "";
}

/// Who the API server takes `client` for, or why it refuses.
std::string who_am_i(Client& client) {
  const Json ask = {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "SelfSubjectReview"}};
  const Result<Json> answer = client.create(kSelfSubjectReviews, "", ask);
  return answer ? text_at(*answer, "/status/userInfo/username") : answer.error().message;
}

Config with_token_file(const std::string& path) {
  Config config = cluster_config();
  config.tls.cert_pem.clear();
  config.tls.key_pem.clear();
  config.cert_file.clear();
  config.key_file.clear();
  config.token_file = path;
  return config;
}

/// An administrator's configuration that has no credentials of its own.
Config without_credentials() {
  return with_token_file("");
}

/// A plugin that mints a token of `account` at the API server, with the administrator's certificate, and counts its
/// runs in the file "runs". `then` is shell that may change $token.
ExecPlugin minting_plugin(const TestFolder& folder, const TestNamespace& ns, const std::string& account,
                          const std::string& then = "") {
  const Config admin = cluster_config();
  folder.write("admin.crt", admin.tls.cert_pem);
  folder.write("admin.key", admin.tls.key_pem);
  folder.write("ca.crt", admin.tls.ca_pem);
  const std::string url = admin.server + kServiceAccounts.path(ns.name(), account, "token");
  const std::string path =
      folder.write("plugin",
                   "#!/bin/sh\nset -e\ncd \"$(dirname \"$0\")\"\necho run >> runs\n"
                   "token=$(curl -sSf --noproxy '*' --cacert ca.crt --cert admin.crt --key admin.key"
                   " -H 'Content-Type: application/json' -d '{\"spec\":{}}' " +
                       url + " | tr -d ' \\n' | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')\n" + then +
                       "\n"
                       "printf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
                       "\"status\":{\"token\":\"%s\"}}' \"$token\"\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return {.api_version = "client.authentication.k8s.io/v1",
          .command = path,
          .interactive = ExecPlugin::Interactive::kNever};
}

}  // namespace

TEST_CASE("a plugin that mints tokens is asked once, and again after a refusal") {
  TestNamespace ns;
  CHECK(!token_of(ns, "carol").empty());
  const TestFolder folder;
  Config config = without_credentials();
  // The first token is spoilt, as one that was revoked.
  config.exec = minting_plugin(folder, ns, "carol", "[ $(wc -l < runs) -gt 1 ] || token=spoilt");
  ManualClock clock;
  Client client(config, "test", nullptr, clock);
  const std::string refusal = who_am_i(client);
  CAPTURE(refusal);
  // The words are the server's, the number ours where the end of its answer did not come through.
  CHECK((refusal.find("nauthorized") != std::string::npos || refusal.find("401") != std::string::npos));
  clock.advance(1s);
  for (int i = 0; i < 3; ++i) CHECK(who_am_i(client) == "system:serviceaccount:" + ns.name() + ":carol");
  CHECK(*read_small_file(folder.path("runs")) == "run\nrun\n");
}

TEST_CASE("a plugin that mints client certificates is taken at its word") {
  // The administrator's own pair is what it answers with: a certificate, no token.
  const TestFolder folder;
  Config config = without_credentials();
  const Config admin = cluster_config();
  const Json status{{"clientCertificateData", admin.tls.cert_pem}, {"clientKeyData", admin.tls.key_pem}};
  const Json answer{
      {"kind", "ExecCredential"}, {"apiVersion", "client.authentication.k8s.io/v1beta1"}, {"status", status}};
  folder.write("answer", answer.dump());
  const std::string path = folder.write("plugin", "#!/bin/sh\nexec cat \"$1\"\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  config.exec = ExecPlugin{.api_version = "client.authentication.k8s.io/v1beta1",
                           .command = path,
                           .args = {folder.path("answer")},
                           .interactive = ExecPlugin::Interactive::kNever};
  Client administrator(admin, "test", nullptr);
  Client client(config, "test", nullptr);
  const std::string name = who_am_i(administrator);
  CHECK(!name.empty());
  CHECK(who_am_i(client) == name);
}

TEST_CASE("a kubeconfig that was written anew is followed") {
  TestNamespace ns;
  const TestFolder folder;
  const Config admin = cluster_config();
  folder.write("ca.crt", admin.tls.ca_pem);
  const auto write = [&](const std::string& token) {
    return folder.write("config",
                        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                        "clusters: [{name: k, cluster: {server: '" +
                            admin.server +
                            "', certificate-authority: ca.crt}}]\nusers: [{name: u, user: {token: " + token + "}}]\n");
  };
  Result<Config> config = load_kubeconfig(write(token_of(ns, "alice")));
  REQUIRE(config.ok());
  config->reread_interval = Duration(0);
  Client client(*config, "test", nullptr);
  CHECK(who_am_i(client) == "system:serviceaccount:" + ns.name() + ":alice");
  write(token_of(ns, "bob"));
  CHECK(who_am_i(client) == "system:serviceaccount:" + ns.name() + ":bob");
}

TEST_CASE("whose rights are used is who the API server takes us for") {
  Config config = cluster_config();
  config.impersonate = {.user = "jane",
                        .uid = "7",
                        .groups = {"system:authenticated", "dev"},
                        .extra = {{"acme.test/scope", {"view", "edit"}}}};
  Client client(config, "test", nullptr);
  const Result<Json> answer = client.create(kSelfSubjectReviews, "", Json{{"kind", "SelfSubjectReview"}});
  REQUIRE(answer.ok());
  const Json& user = at_pointer(*answer, "/status/userInfo");
  CHECK(text_at(user, "/username") == "jane");
  CHECK(text_at(user, "/uid") == "7");
  CHECK(user["groups"] == Json({"system:authenticated", "dev"}));
  CHECK(user["extra"]["acme.test/scope"] == Json({"view", "edit"}));
  CHECK(client.list(kSecrets, "kube-system").error().code == ErrorCode::kDenied);
}

TEST_CASE("a server whose certificate nobody vouches for is talked to only where that was asked for") {
  Config config = cluster_config();
  config.ca_file.clear();
  config.tls.ca_pem = http::TlsOptions{}.ca_pem;  // the system's roots
  Client careful(config, "test", nullptr);
  CHECK(careful.raw("GET", "/version").error().code == ErrorCode::kUnavailable);
  config.tls.insecure_skip_verify = true;
  Client careless(config, "test", nullptr);
  const Result<http::Response> answer = careless.raw("GET", "/version");
  REQUIRE(answer.ok());
  CHECK(answer->status == 200);
}

TEST_CASE("a token that was rotated is used once it is read again") {
  TestNamespace ns;
  const TestFolder folder;
  Config config = with_token_file(folder.write("token", token_of(ns, "alice")));
  config.reread_interval = Duration(0);
  Client client(config, "test", nullptr);
  const std::string prefix = "system:serviceaccount:" + ns.name() + ":";
  CHECK(who_am_i(client) == prefix + "alice");
  folder.write("token", token_of(ns, "bob"));
  CHECK(who_am_i(client) == prefix + "bob");
}

TEST_CASE("after a refusal the token is read at once, not a minute later") {
  TestNamespace ns;
  const TestFolder folder;
  Client client(with_token_file(folder.write("token", "expired")), "test", nullptr);
  CHECK(who_am_i(client).starts_with("POST /apis/authentication.k8s.io/v1/selfsubjectreviews: "));
  folder.write("token", token_of(ns, "alice"));
  CHECK(who_am_i(client) == "system:serviceaccount:" + ns.name() + ":alice");
}

TEST_CASE("roots that were rotated are used for new calls") {
  TestNamespace ns;
  const TestFolder folder;
  Config config = cluster_config();
  const std::string roots = config.tls.ca_pem;
  // As while roots rotate: both are trusted, then one goes.
  config.ca_file = folder.write("ca.crt", roots + roots);
  config.reread_interval = Duration(0);
  Client client(config, "test", nullptr);
  CHECK(client.get(kNamespaces, "", ns.name()).ok());
  folder.write("ca.crt", roots);
  CHECK(client.get(kNamespaces, "", ns.name()).ok());
  folder.write("ca.crt", config.tls.cert_pem);  // a certificate, but no root of this server
  CHECK(client.get(kNamespaces, "", ns.name()).error().code == ErrorCode::kUnavailable);
  folder.write("ca.crt", roots);
  CHECK(client.get(kNamespaces, "", ns.name()).ok());
}

}  // namespace sluice::kube
