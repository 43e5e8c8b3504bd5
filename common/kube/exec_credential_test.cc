#include "common/kube/exec_credential.h"

#include <doctest/doctest.h>

#include "common/http/loopback_server.h"
#include "common/kube/resource.h"

namespace sluice::kube {
namespace {

constexpr const char* kV1 = "client.authentication.k8s.io/v1";

std::string credential(const std::string& status, const std::string& api_version = kV1) {
  return R"({"kind":"ExecCredential","apiVersion":")" + api_version + R"(","status":)" + status + "}";
}

}  // namespace

TEST_CASE("a plugin is told whether it may ask, and of the cluster where it wants to know") {
  Config cluster;
  cluster.server = "https://a:6443";
  cluster.tls = {.ca_pem = "CA", .server_name = "real"};
  cluster.proxy_url = "http://p";
  ExecPlugin plugin{.api_version = kV1, .cluster_config = R"({"audience":"x"})"};
  CHECK(Json::parse(exec_info(plugin, cluster, true)) ==
        Json::parse(R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
                        "spec":{"interactive":true}})"));
  plugin.provide_cluster_info = true;
  CHECK(Json::parse(exec_info(plugin, cluster, false)) ==
        Json::parse(R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
                        "spec":{"interactive":false,"cluster":{"server":"https://a:6443",
                        "certificate-authority-data":"Q0E=","tls-server-name":"real","proxy-url":"http://p",
                        "config":{"audience":"x"}}}})"));
}

TEST_CASE("a plugin's answer is a token, a certificate, or both") {
  const http::TestIdentity one = http::make_test_identity("one", "DNS:one");
  const Json status{{"token", "t"},
                    {"clientCertificateData", one.cert_pem},
                    {"clientKeyData", one.key_pem},
                    {"expirationTimestamp", "2026-11-26T05:00:00Z"}};
  const Result<ExecCredential> both = parse_exec_credential(credential(status.dump()), kV1);
  REQUIRE(both.ok());
  CHECK(both->token == "t");
  CHECK(both->cert_pem == one.cert_pem);
  CHECK(both->key_pem == one.key_pem);
  CHECK(both->expires->time_since_epoch() == std::chrono::seconds(1795669200));
  const Result<ExecCredential> token = parse_exec_credential(credential(R"({"token":"t"})"), kV1);
  REQUIRE(token.ok());
  CHECK(!token->expires.has_value());
}

TEST_CASE("what is wrong with a plugin's answer is said without it") {
  const http::TestIdentity one = http::make_test_identity("one", "DNS:one");
  const http::TestIdentity two = http::make_test_identity("two", "DNS:two");
  const Json mixed{{"clientCertificateData", one.cert_pem}, {"clientKeyData", two.key_pem}};
  struct Row {
    std::string name;
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"nothing", "", "JSON object"},
      {"no JSON", "s3cret", "JSON object"},
      {"something else", R"({"kind":"Pod","token":"s3cret"})", "no ExecCredential"},
      {"another version", credential(R"({"token":"s3cret"})", "client.authentication.k8s.io/v1beta1"),
       "another version"},
      {"no status", R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"})", "no status"},
      {"an empty status", credential("{}"), "neither a token nor a certificate"},
      {"a token of another type", credential(R"({"token":7})"), "neither a token nor a certificate"},
      {"a certificate alone", credential(R"({"clientCertificateData":"s3cret"})"), "not with both"},
      {"a key alone", credential(R"({"token":"t","clientKeyData":"s3cret"})"), "not with both"},
      {"no PEM", credential(R"({"clientCertificateData":"s3cret","clientKeyData":"s3cret"})"), "belong together"},
      {"of two identities", credential(mixed.dump()), "belong together"},
      {"a token that ends a header", credential(R"({"token":"s3cret\r\nX: y"})"), "control characters"},
      {"a time that is none", credential(R"({"token":"s3cret","expirationTimestamp":"tomorrow"})"), "RFC 3339"},
      {"a time that is a number", credential(R"({"token":"s3cret","expirationTimestamp":7})"), "RFC 3339"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Result<ExecCredential> parsed = parse_exec_credential(row.text, kV1);
    REQUIRE(!parsed.ok());
    CHECK(parsed.error().code == ErrorCode::kInvalid);
    CHECK(parsed.error().message.find(row.message) != std::string::npos);
    CHECK(parsed.error().message.find("s3cret") == std::string::npos);
  }
}

TEST_CASE("a plugin's complaint is shown without what may be a secret") {
  const ExecPlugin plugin{.env = {{"AWS_SECRET_ACCESS_KEY", "hunter2!"}, {"DEBUG", "1"}}};
  struct Row {
    const char* name;
    std::string complaint;
    std::string shown;
  };
  const Row rows[] = {
      {"a sentence", "error: no session for profile dev1, run `login` first\n",
       "error: no session for profile dev1, run `login` first"},
      {"several lines", "one\n\ttwo\r\n", "one  two"},
      {"a value of its environment", "bad key hunter2! given", "bad key (hidden) given"},
      {"a web token", "got eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJpc3MiOiJr.c2ln", "got (hidden)"},
      {"a named token", "token=abc, next", "token=(hidden), next"},
      {"a token in JSON", R"({"token": "abc", "x": 1})", R"j({"token": "(hidden)", "x": 1})j"},
      {"a password", "Password: abc", "Password: (hidden)"},
      {"a header", "Authorization: Bearer abc", "Authorization: Bearer (hidden)"},
      {"a word that only names it", "the token has expired", "the token has expired"},
      {"an opaque key", "key AbCdEfGhIjKlMnOpQrStUvWx0123 refused", "key (hidden) refused"},
      {"a host is none", "lookup api.cluster-one.region.example.test: no such host",
       "lookup api.cluster-one.region.example.test: no such host"},
      {"a path is none", "open /etc/kubernetes/pki/clients/client-certificate: denied",
       "open /etc/kubernetes/pki/clients/client-certificate: denied"},
      {"PEM", "key: -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY----- bad", "key: (hidden) bad"},
      {"PEM that is cut", "key: -----BEGIN PRIVATE KEY-----\nAAAA", "key: (hidden)"},
      {"nothing", "\n", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(without_secrets(row.complaint, plugin) == row.shown);
  }
  const std::string longer = without_secrets(std::string(5000, ' ') + std::string(2000, '?') + "end", plugin);
  CHECK(longer.size() == 1024);
  CHECK(longer.ends_with("?end"));
}

}  // namespace sluice::kube
