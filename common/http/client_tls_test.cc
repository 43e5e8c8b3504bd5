#include <doctest/doctest.h>

#include <mutex>

#include "common/http/client.h"
#include "common/http/loopback_server.h"

namespace sluice::http {
namespace {

/// Answers each request with the name in the client's certificate.
void answer_client_name(LoopbackConnection& connection) {
  while (!connection.read_request().empty()) {
    const std::string name = connection.client_name();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name.size()) + "\r\n\r\n" + name);
  }
}

Result<Response> get(Client& client, const LoopbackServer& server) {
  Request request;
  request.url = server.url();
  return client.send(std::move(request));
}

}  // namespace

TEST_CASE("the server is verified against the roots and the name that were given") {
  const TestIdentity by_address = make_test_identity("server", "IP:127.0.0.1");
  const TestIdentity by_name = make_test_identity("server", "DNS:api.test");
  const TestIdentity other = make_test_identity("other", "IP:127.0.0.1");
  struct Row {
    std::string name;
    const TestIdentity& server;
    std::string ca_pem;
    std::string server_name;
    bool ok;
  };
  const Row rows[] = {{"its own root", by_address, by_address.cert_pem, "", true},
                      {"one root of several", by_address, other.cert_pem + by_address.cert_pem, "", true},
                      {"another root", by_address, other.cert_pem, "", false},
                      {"the system's roots", by_address, "", "", false},
                      {"the certificate names another host", by_name, by_name.cert_pem, "", false},
                      {"the name to verify is given", by_name, by_name.cert_pem, "api.test", true},
                      {"another name is given", by_name, by_name.cert_pem, "web.test", false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LoopbackServer server(answer_client_name, &row.server);
    Client client({.tls = {.ca_pem = row.ca_pem, .server_name = row.server_name}});
    const Result<Response> answer = get(client, server);
    CHECK(answer.ok() == row.ok);
    if (!row.ok) CHECK(answer.error().code == ErrorCode::kUnavailable);
  }
}

TEST_CASE("a client certificate is presented, and a new one from set_tls on") {
  const TestIdentity identity = make_test_identity("server", "IP:127.0.0.1");
  const TestIdentity alice = make_test_identity("alice", "DNS:alice");
  const TestIdentity bob = make_test_identity("bob", "DNS:bob");
  LoopbackServer server(answer_client_name, &identity);
  Client client({.tls = {.ca_pem = identity.cert_pem, .cert_pem = alice.cert_pem, .key_pem = alice.key_pem}});
  for (int i = 0; i < 2; ++i) {
    const Result<Response> answer = get(client, server);
    REQUIRE(answer.ok());
    CHECK(answer->body == "alice");
  }
  CHECK(server.accepted() == 1);
  client.set_tls({.ca_pem = identity.cert_pem, .cert_pem = bob.cert_pem, .key_pem = bob.key_pem});
  const Result<Response> answer = get(client, server);
  REQUIRE(answer.ok());
  CHECK(answer->body == "bob");
  CHECK(server.accepted() == 2);
}

TEST_CASE("roots that are withdrawn are not trusted by an open connection") {
  const TestIdentity identity = make_test_identity("server", "IP:127.0.0.1");
  const TestIdentity other = make_test_identity("other", "IP:127.0.0.1");
  LoopbackServer server(answer_client_name, &identity);
  Client client({.tls = {.ca_pem = identity.cert_pem}});
  REQUIRE(get(client, server).ok());
  client.set_tls({.ca_pem = other.cert_pem});
  CHECK(!get(client, server).ok());
}

TEST_CASE("unusable PEM texts end a call with kInvalid that does not quote them") {
  const TestIdentity identity = make_test_identity("server", "IP:127.0.0.1");
  const TestIdentity other = make_test_identity("other", "IP:127.0.0.1");
  LoopbackServer server(answer_client_name, &identity);
  struct Row {
    std::string name;
    TlsOptions tls;
  };
  const Row rows[] = {{"roots", {.ca_pem = "c2VjcmV0"}},
                      {"certificate", {.ca_pem = identity.cert_pem, .cert_pem = "c2VjcmV0", .key_pem = other.key_pem}},
                      {"key", {.ca_pem = identity.cert_pem, .cert_pem = other.cert_pem, .key_pem = "c2VjcmV0"}},
                      {"no key", {.ca_pem = identity.cert_pem, .cert_pem = other.cert_pem}},
                      {"another certificate's key",
                       {.ca_pem = identity.cert_pem, .cert_pem = other.cert_pem, .key_pem = identity.key_pem}}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Client client({.tls = row.tls});
    const Result<Response> answer = get(client, server);
    REQUIRE(!answer.ok());
    CAPTURE(answer.error().message);
    CHECK(answer.error().code == ErrorCode::kInvalid);
    CHECK(answer.error().message.find("c2VjcmV0") == std::string::npos);
  }
}

}  // namespace sluice::http
