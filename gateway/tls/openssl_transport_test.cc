// The record layer without sockets: an OpenSSL client on the other side of two byte strings.
#include "gateway/tls/openssl_transport.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/openssl_ptr.h"
#include "gateway/testing/certificate.h"
#include "gateway/testing/temporary_folder.h"

namespace sluice::gateway {
namespace {

using Certificate = OpensslPtr<X509, X509_free>;
using Context = OpensslPtr<SSL_CTX, SSL_CTX_free>;
using Session = OpensslPtr<SSL, SSL_free>;
using testing::write_certificate;

struct Client {
  Context context{SSL_CTX_new(TLS_client_method())};
  Session session;

  explicit Client(int version = 0) {
    SSL_CTX_set_security_level(context.get(), 0);  // So that it can offer what must be refused.
    if (version != 0) SSL_CTX_set_min_proto_version(context.get(), version);
    if (version != 0) SSL_CTX_set_max_proto_version(context.get(), version);
    session.reset(SSL_new(context.get()));
    SSL_set_bio(session.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(session.get());
  }
  std::string take() const {
    BIO* out = SSL_get_wbio(session.get());
    std::string bytes(BIO_ctrl_pending(out), '\0');
    if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  void give(std::string_view bytes) const {
    BIO_write(SSL_get_rbio(session.get()), bytes.data(), static_cast<int>(bytes.size()));
  }
  void write(std::string_view text) const { SSL_write(session.get(), text.data(), static_cast<int>(text.size())); }
  std::string read() const {
    std::string all;
    char buffer[4096];
    for (int count = 0; (count = SSL_read(session.get(), buffer, sizeof(buffer))) > 0;) {
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }
  std::string server_name() const {
    const Certificate certificate(SSL_get1_peer_certificate(session.get()));
    char name[100] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof(name));
    return name;
  }
};

/// Carries the client's bytes to the transport, `piece` bytes at a time, and the answers back.
Transport::State pump(Client& client, Transport& transport, std::string& plain, std::size_t piece = 16'384) {
  Transport::State state = Transport::State::kOpen;
  SSL_do_handshake(client.session.get());
  for (std::string out = client.take(); !out.empty(); out = client.take()) {
    for (std::size_t at = 0; at < out.size() && state == Transport::State::kOpen; at += piece) {
      state = transport.receive(std::string_view(out).substr(at, piece), plain);
    }
    while (const BlockRef wire = transport.take_wire()) client.give(wire.view());
    SSL_do_handshake(client.session.get());
  }
  return state;
}

struct Fixture {
  testing::TemporaryFolder folder;
  std::unique_ptr<OpensslTransportFactory> factory;
  Fixture() {
    write_certificate(folder, "first");
    factory = *OpensslTransportFactory::load(folder.file("server.crt"), folder.file("server.key"));
  }
};

void send_all(Transport& transport, std::string_view text, Client& client) {
  while (!text.empty()) {
    const Slice slice{text.data(), text.size()};
    const std::size_t sent = transport.send({&slice, 1});
    REQUIRE(sent > 0);
    text.remove_prefix(sent);
    while (const BlockRef wire = transport.take_wire()) client.give(wire.view());
  }
}

TEST_CASE("text goes both ways, in records of any size and pieces of any size") {
  Fixture fixture;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{16'384}}) {
      CAPTURE(version);
      CAPTURE(piece);
      Client client(version);
      const auto transport = fixture.factory->make();
      std::string plain;
      CHECK(pump(client, *transport, plain, piece) == Transport::State::kOpen);
      REQUIRE(SSL_is_init_finished(client.session.get()));
      CHECK(SSL_version(client.session.get()) == version);
      const std::string upload(40'000, 'u');
      client.write("hello");
      client.write(upload);
      CHECK(pump(client, *transport, plain, piece) == Transport::State::kOpen);
      CHECK(plain == "hello" + upload);
      const std::string download(300'000, 'd');
      send_all(*transport, download, client);
      CHECK(client.read() == download);
    }
  }
}

TEST_CASE("many small slices share records") {
  Fixture fixture;
  Client client;
  const auto transport = fixture.factory->make();
  std::string plain;
  pump(client, *transport, plain);
  while (const BlockRef wire = transport->take_wire()) client.give(wire.view());
  static_cast<void>(client.read());
  std::vector<Slice> slices(60, Slice{"0123456789", 10});
  CHECK(transport->send(slices) == 600);
  const BlockRef wire = transport->take_wire();
  CHECK(wire.size() < 700);
  client.give(wire.view());
  CHECK(client.read().size() == 600);
}

TEST_CASE("a session that is quiet holds no buffer, however much went through it") {
  Fixture fixture;
  Client client;
  const auto transport = fixture.factory->make();
  std::string plain;
  CHECK(pump(client, *transport, plain) == Transport::State::kOpen);
  client.write(std::string(300'000, 'u'));
  CHECK(pump(client, *transport, plain) == Transport::State::kOpen);
  CHECK(plain.size() == 300'000);
  const std::string download(300'000, 'd');
  const Slice slice{download.data(), download.size()};
  CHECK(transport->send({&slice, 1}) > 0);
  CHECK(transport->held_bytes() > 16'384);
  CHECK(transport->take_wire());
  CHECK(transport->held_bytes() == 0);
  CHECK(!transport->take_wire());
}

TEST_CASE("ends and failures are told apart") {
  Fixture fixture;
  std::string plain;
  SUBCASE("the peer ends the stream properly") {
    Client client;
    const auto transport = fixture.factory->make();
    pump(client, *transport, plain);
    SSL_shutdown(client.session.get());
    CHECK(transport->receive(client.take(), plain) == Transport::State::kEnded);
  }
  SUBCASE("we do") {
    Client client;
    const auto transport = fixture.factory->make();
    pump(client, *transport, plain);
    transport->end();
    while (const BlockRef wire = transport->take_wire()) client.give(wire.view());
    CHECK(client.read().empty());
    CHECK((SSL_get_shutdown(client.session.get()) & SSL_RECEIVED_SHUTDOWN) != 0);
  }
  SUBCASE("nonsense instead of a hello") {
    const auto transport = fixture.factory->make();
    CHECK(transport->receive(std::string_view("GET / HTTP/1.1\r\n\r\n"), plain) == Transport::State::kFailed);
    CHECK(transport->send(std::vector<Slice>{{"x", 1}}) == 0);
  }
  SUBCASE("a record that was tampered with") {
    Client client;
    const auto transport = fixture.factory->make();
    pump(client, *transport, plain);
    client.write("secret");
    std::string record = client.take();
    record.back() = static_cast<char>(record.back() ^ 1);
    CHECK(transport->receive(record, plain) == Transport::State::kFailed);
    CHECK(plain.empty());
  }
  SUBCASE("TLS 1.1 is refused, with an alert") {
    Client client(TLS1_1_VERSION);
    const auto transport = fixture.factory->make();
    SSL_do_handshake(client.session.get());
    CHECK(transport->receive(client.take(), plain) == Transport::State::kFailed);
    CHECK(transport->take_wire());
  }
}

TEST_CASE("a new certificate serves new connections; a broken one is not taken") {
  Fixture fixture;
  std::string plain;
  const auto name_served = [&] {
    Client client;
    const auto transport = fixture.factory->make();
    pump(client, *transport, plain);
    return client.server_name();
  };
  CHECK(name_served() == "first");
  write_certificate(fixture.folder, "second");
  CHECK(name_served() == "first");
  fixture.factory->reload_if_changed();
  CHECK(name_served() == "second");
  fixture.folder.write("server.key", "no key");
  fixture.factory->reload_if_changed();
  CHECK(name_served() == "second");
}

TEST_CASE("files that are no pair are refused with a sentence that names them") {
  testing::TemporaryFolder folder;
  write_certificate(folder, "first");
  const std::string crt = folder.file("server.crt");
  const std::string key = folder.file("server.key");
  CHECK(OpensslTransportFactory::load("none.crt", key).error().message.rfind("tls.certFile: none.crt: ", 0) == 0);
  CHECK(OpensslTransportFactory::load(crt, "none.key").error().message.rfind("tls.keyFile: none.key: ", 0) == 0);
  testing::TemporaryFolder other;
  write_certificate(other, "other");
  CHECK(!OpensslTransportFactory::load(crt, other.file("server.key")));
}

}  // namespace
}  // namespace sluice::gateway
