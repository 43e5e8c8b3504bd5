// The server behind TLS: whom it lets in, what it knows of him, and with which certificate.
#include <dirent.h>
#include <doctest/doctest.h>

#include <thread>

#include "common/http/raw_client.h"
#include "common/http/test_server.h"

namespace sluice::http {
namespace {

int open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  int count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

TEST_CASE("the handler sees the client's chain, whoever signed it") {
  const CertifiedKey identity = certificate("server");
  const CertifiedKey authority = certificate("authority", nullptr, true);
  const CertifiedKey middle = certificate("middle", &authority, true);
  const CertifiedKey client_identity = certificate("client", &middle);
  std::vector<std::string> seen;
  const auto server = start(with_tls(identity), [&](const ServerRequest& request) {
    seen = request.peer_chain_der;
    return ServerResponse::text(200, "ok");
  });

  SUBCASE("with its intermediate") {
    RawClient client(server->port());
    REQUIRE(client.handshake({.identity = &client_identity, .extra_chain_pem = middle.cert_pem}));
    REQUIRE(client.send(kGet));
    REQUIRE(client.receive().starts_with("HTTP/1.1 200 "));
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] == pem_to_der(client_identity.cert_pem).value()[0]);
    CHECK(seen[1] == pem_to_der(middle.cert_pem).value()[0]);
  }
  SUBCASE("none where it sends none") {
    RawClient client(server->port());
    REQUIRE(client.handshake());
    REQUIRE(client.send(kGet));
    REQUIRE(client.receive().starts_with("HTTP/1.1 200 "));
    CHECK(seen.empty());
  }
}

TEST_CASE("a chain that is too long ends the handshake") {
  const CertifiedKey identity = certificate("server");
  const CertifiedKey client_identity = certificate("client");
  const auto server = start(with_tls(identity), echo);
  const auto served = [&](const std::string& more) {
    RawClient client(server->port());
    return client.handshake({.identity = &client_identity, .extra_chain_pem = more}) && client.send(kGet) &&
           client.receive().starts_with("HTTP/1.1 200 ");
  };
  CHECK(served(repeated(client_identity.cert_pem, kClientChainMax - 1)));
  CHECK_FALSE(served(repeated(client_identity.cert_pem, kClientChainMax)));
  CertificateSpec large;  // about 6 KiB
  large.dns_names.assign(200, "a-name-of-about-thirty-letters");
  large.not_before = SystemClock().wall();
  large.not_after = large.not_before + std::chrono::hours(24);
  const auto made = make_certificate(large, nullptr);
  REQUIRE(made.ok());
  CHECK(served(repeated(made->cert_pem, 2)));
  CHECK_FALSE(served(repeated(made->cert_pem, kClientChainMax - 1)));

  CertificateSpec many = large;
  many.dns_names.clear();
  many.organizations.assign(kClientChainPartsMax / 4, "o");
  const auto groups = make_certificate(many, nullptr);  // self-signed: subject and issuer
  REQUIRE(groups.ok());
  CHECK(served(groups->cert_pem));
  CHECK_FALSE(served(groups->cert_pem + groups->cert_pem));
}

TEST_CASE("TLS below 1.2 is refused, HTTP/1.1 is what ALPN agrees on") {
  const CertifiedKey identity = certificate("server");
  const auto server = start(with_tls(identity), echo);
  RawClient old(server->port());
  CHECK_FALSE(old.handshake({.version_max = kTls11}));

  RawClient modern(server->port());
  REQUIRE(modern.handshake({.alpn = std::string("\x02h2\x08http/1.1")}));
  CHECK(modern.alpn() == "http/1.1");

  RawClient only_h2(server->port());
  REQUIRE(only_h2.handshake({.alpn = std::string("\x02h2")}));
  CHECK(only_h2.alpn().empty());
  REQUIRE(only_h2.send(kGet));
  CHECK(only_h2.receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a certificate is swapped while connections stay") {
  const CertifiedKey before = certificate("before"), after = certificate("after");
  const auto server = start(with_tls(before), echo);
  RawClient open(server->port());
  REQUIRE(open.handshake());
  CHECK(open.server_name() == "before");

  CHECK_FALSE(server->set_certificate(after.cert_pem, before.key_pem).ok());
  CHECK_FALSE(server->set_certificate("nothing", after.key_pem).ok());
  REQUIRE(server->set_certificate(after.cert_pem, after.key_pem).ok());
  std::string name;
  while (name != "after") {
    RawClient fresh(server->port());
    REQUIRE(fresh.handshake());
    name = fresh.server_name();
  }
  REQUIRE(open.send(kGet));
  CHECK(open.receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("connections that end before their handshake leave nothing behind") {
  const CertifiedKey identity = certificate("server");
  const auto server = start(with_tls(identity), echo);
  const int before = open_descriptors();
  for (int i = 0; i < 300; ++i) {
    RawClient scan(server->port());
    REQUIRE(scan.connected());
    if (i % 3 == 1) scan.send("\x16\x03\x01");
    if (i % 3 == 2) scan.reset();
  }
  while (open_descriptors() > before) std::this_thread::yield();  // the test's time limit is the deadline
  RawClient client(server->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(kGet));
  CHECK(client.receive().starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace sluice::http
