#include "common/kube/credentials.h"

#include <doctest/doctest.h>

#include "common/http/loopback_server.h"
#include "common/kube/base64.h"
#include "common/kube/test_files.h"

namespace sluice::kube {
namespace {

const SteadyTime kStart{1h};

using http::TestIdentity;

/// Files that hold `identity`, which is its own root, and the configuration that was read from them.
struct Setup {
  TestFolder folder;
  Config config;

  explicit Setup(const TestIdentity& identity) {
    config.tls = {.ca_pem = identity.cert_pem,
                  .cert_pem = identity.cert_pem,
                  .key_pem = identity.key_pem,
                  .server_name = "api.test"};
    config.ca_file = folder.write("ca.crt", identity.cert_pem);
    config.cert_file = folder.write("tls.crt", identity.cert_pem);
    config.key_file = folder.write("tls.key", identity.key_pem);
  }
};

}  // namespace

TEST_CASE("a token file is read again once its time has come, and no earlier") {
  TestFolder folder;
  Config config;
  config.token_file = folder.write("token", "first\n");
  Credentials credentials(config);
  CHECK(credentials.current(kStart)->token == "first");
  folder.write("token", "second\n");
  CHECK(credentials.current(kStart + 59s)->token == "first");
  CHECK(credentials.current(kStart + 60s)->token == "second");
}

TEST_CASE("a token is read at once after a refusal") {
  TestFolder folder;
  Config config;
  config.token_file = folder.write("token", "first");
  Credentials credentials(config);
  CHECK(credentials.current(kStart)->token == "first");
  folder.write("token", "second");
  credentials.suspect();
  CHECK(credentials.current(kStart + 1s)->token == "second");
}

TEST_CASE("a file that is away or empty for a moment leaves the known token") {
  TestFolder folder;
  Config config;
  config.token = "inline";
  config.token_file = folder.path("token");
  Credentials credentials(config);
  CHECK(credentials.current(kStart)->token == "inline");
  folder.write("token", "from file");
  CHECK(credentials.current(kStart + 60s)->token == "from file");
  folder.write("token", "");
  CHECK(credentials.current(kStart + 120s)->token == "from file");
  folder.write("token", " \n");
  CHECK(credentials.current(kStart + 180s)->token == "from file");
  folder.write("token", "newest");
  CHECK(credentials.current(kStart + 240s)->token == "newest");
}

TEST_CASE("TLS options are handed out again only where they have changed") {
  const TestIdentity one = http::make_test_identity("one", "DNS:one");
  const TestIdentity two = http::make_test_identity("two", "DNS:two");
  const Setup setup(one);
  Credentials credentials(setup.config);
  CHECK(!credentials.current(kStart)->new_tls.has_value());
  setup.folder.write("ca.crt", two.cert_pem);
  auto current = *credentials.current(kStart + 60s);
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->ca_pem == two.cert_pem);
  CHECK(current.new_tls->cert_pem == one.cert_pem);
  CHECK(current.new_tls->server_name == "api.test");
  CHECK(!credentials.current(kStart + 120s)->new_tls.has_value());
  setup.folder.write("tls.crt", two.cert_pem);
  setup.folder.write("tls.key", two.key_pem);
  current = *credentials.current(kStart + 180s);
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->cert_pem == two.cert_pem);
  CHECK(current.new_tls->key_pem == two.key_pem);
}

TEST_CASE("a certificate and a key of two rotations are not taken, and looked at again a second later") {
  const TestIdentity one = http::make_test_identity("one", "DNS:one");
  const TestIdentity two = http::make_test_identity("two", "DNS:two");
  struct Row {
    std::string name;
    std::string cert_pem;
    std::string key_pem;
  };
  const Row rows[] = {{"the key is still the old one", two.cert_pem, one.key_pem},
                      {"the certificate is still the old one", one.cert_pem, two.key_pem},
                      {"the key is half written", two.cert_pem, two.key_pem.substr(0, two.key_pem.size() / 2)},
                      {"the chain is half written", two.cert_pem + one.cert_pem.substr(0, 300), two.key_pem},
                      {"the key is not there yet", two.cert_pem, ""}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Setup setup(one);
    Credentials credentials(setup.config);
    CHECK(!credentials.current(kStart)->new_tls.has_value());
    setup.folder.write("tls.crt", row.cert_pem);
    setup.folder.write("tls.key", row.key_pem);
    CHECK(!credentials.current(kStart + 60s)->new_tls.has_value());
    setup.folder.write("tls.crt", two.cert_pem);
    setup.folder.write("tls.key", two.key_pem);
    CHECK(!credentials.current(kStart + 60'999ms)->new_tls.has_value());
    const auto current = *credentials.current(kStart + 61s);
    REQUIRE(current.new_tls.has_value());
    CHECK(current.new_tls->cert_pem == two.cert_pem);
    CHECK(current.new_tls->key_pem == two.key_pem);
    CHECK(current.new_tls->ca_pem == one.cert_pem);
    setup.folder.write("tls.crt", one.cert_pem);
    setup.folder.write("tls.key", one.key_pem);
    CHECK(!credentials.current(kStart + 120s)->new_tls.has_value());  // a minute again
    CHECK(credentials.current(kStart + 121s)->new_tls.has_value());
  }
}

TEST_CASE("roots that are no certificates are not taken, and looked at again a second later") {
  const TestIdentity one = http::make_test_identity("one", "DNS:one");
  const TestIdentity two = http::make_test_identity("two", "DNS:two");
  const Setup setup(one);
  Credentials credentials(setup.config);
  CHECK(!credentials.current(kStart)->new_tls.has_value());
  setup.folder.write("ca.crt", two.cert_pem + one.cert_pem.substr(0, 300));
  CHECK(!credentials.current(kStart + 60s)->new_tls.has_value());
  setup.folder.write("ca.crt", two.cert_pem + one.cert_pem);
  const auto current = *credentials.current(kStart + 61s);
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->ca_pem == two.cert_pem + one.cert_pem);
}

TEST_CASE("a kubeconfig that was written anew is read again, and half of one leaves what was known") {
  const TestIdentity one = http::make_test_identity("one", "DNS:one");
  const TestIdentity two = http::make_test_identity("two", "DNS:two");
  const TestFolder folder;
  const auto write = [&](const std::string& user, const std::string& server = "https://a") {
    return folder.write("config",
                        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                        "clusters: [{name: k, cluster: {server: '" +
                            server +
                            "'}}]\n"
                            "users: [{name: u, user: {" +
                            user + "}}]\n");
  };
  const auto identity = [](const TestIdentity& cert, const TestIdentity& key) {
    return "client-certificate-data: " + base64_encode(cert.cert_pem) +
           ", client-key-data: " + base64_encode(key.key_pem);
  };
  Credentials credentials(*load_kubeconfig(write("token: first")));
  CHECK(credentials.current(kStart)->token == "first");
  write("token: second");
  CHECK(credentials.current(kStart + 59s)->token == "first");
  CHECK(credentials.current(kStart + 60s)->token == "second");
  folder.write("config", "users: [");
  CHECK(credentials.current(kStart + 120s)->token == "second");
  write("token: third");
  CHECK(credentials.current(kStart + 120'999ms)->token == "second");
  CHECK(credentials.current(kStart + 121s)->token == "third");
  write("token: elsewhere", "https://b");
  CHECK(credentials.current(kStart + 181s)->token == "third");
  // From a token to a certificate, and to the next one.
  write(identity(one, one));
  auto current = *credentials.current(kStart + 241s);
  CHECK(current.token.empty());
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->cert_pem == one.cert_pem);
  write(identity(two, one));
  CHECK(!credentials.current(kStart + 301s)->new_tls.has_value());
  write(identity(two, two));
  current = *credentials.current(kStart + 302s);
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->cert_pem == two.cert_pem);
}

TEST_CASE("read_small_file tells what is wrong") {
  TestFolder folder;
  CHECK(read_small_file(folder.path("absent")).error().code == ErrorCode::kNotFound);
  CHECK(read_small_file(folder.path("")).error().code == ErrorCode::kUnavailable);  // a folder
  CHECK(*read_small_file(folder.write("full", std::string(1u << 20, 'x'))) == std::string(1u << 20, 'x'));
  CHECK(read_small_file(folder.write("large", std::string((1u << 20) + 1, 'x'))).error().code == ErrorCode::kInvalid);
  CHECK(read_small_file(folder.write("empty", ""))->empty());
}

}  // namespace sluice::kube
