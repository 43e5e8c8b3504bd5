#include "common/kube/credentials.h"

#include <doctest/doctest.h>

#include "common/kube/test_files.h"

namespace sluice::kube {
namespace {

const SteadyTime kStart{1h};

}  // namespace

TEST_CASE("a token file is read again once its time has come, and no earlier") {
  TestFolder folder;
  Config config;
  config.token_file = folder.write("token", "first\n");
  Credentials credentials(config);
  CHECK(credentials.current(kStart).token == "first");
  folder.write("token", "second\n");
  CHECK(credentials.current(kStart + 59s).token == "first");
  CHECK(credentials.current(kStart + 60s).token == "second");
}

TEST_CASE("a token is read at once after a refusal") {
  TestFolder folder;
  Config config;
  config.token_file = folder.write("token", "first");
  Credentials credentials(config);
  CHECK(credentials.current(kStart).token == "first");
  folder.write("token", "second");
  credentials.suspect();
  CHECK(credentials.current(kStart + 1s).token == "second");
}

TEST_CASE("a file that is away or empty for a moment leaves the known token") {
  TestFolder folder;
  Config config;
  config.token = "inline";
  config.token_file = folder.path("token");
  Credentials credentials(config);
  CHECK(credentials.current(kStart).token == "inline");
  folder.write("token", "from file");
  CHECK(credentials.current(kStart + 60s).token == "from file");
  folder.write("token", "");
  CHECK(credentials.current(kStart + 120s).token == "from file");
  folder.write("token", " \n");
  CHECK(credentials.current(kStart + 180s).token == "from file");
  folder.write("token", "newest");
  CHECK(credentials.current(kStart + 240s).token == "newest");
}

TEST_CASE("TLS options are handed out again only where they have changed") {
  TestFolder folder;
  Config config;
  config.tls.server_name = "api.test";
  config.ca_file = folder.write("ca.crt", "CA 1");
  config.cert_file = folder.write("tls.crt", "CERT 1");
  config.key_file = folder.write("tls.key", "KEY 1");
  config.tls.ca_pem = "CA 1";
  config.tls.cert_pem = "CERT 1";
  config.tls.key_pem = "KEY 1";
  Credentials credentials(config);
  CHECK(!credentials.current(kStart).new_tls.has_value());
  folder.write("ca.crt", "CA 2");
  auto current = credentials.current(kStart + 60s);
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->ca_pem == "CA 2");
  CHECK(current.new_tls->cert_pem == "CERT 1");
  CHECK(current.new_tls->server_name == "api.test");
  CHECK(!credentials.current(kStart + 120s).new_tls.has_value());
  folder.write("tls.crt", "CERT 2");
  folder.write("tls.key", "KEY 2");
  current = credentials.current(kStart + 180s);
  REQUIRE(current.new_tls.has_value());
  CHECK(current.new_tls->cert_pem == "CERT 2");
  CHECK(current.new_tls->key_pem == "KEY 2");
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
