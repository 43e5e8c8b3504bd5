#include <doctest/doctest.h>

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

}  // namespace

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
