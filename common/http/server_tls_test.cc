#include "common/http/server_tls.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "common/http/certificate.h"

namespace sluice::http {
namespace {

CertifiedKey certificate(const std::string& name, const CertifiedKey* issuer, bool ca) {
  CertificateSpec spec;
  spec.common_name = name;
  spec.ca = ca;
  spec.not_before = SystemClock().wall() - 1h;
  spec.not_after = spec.not_before + 24h;
  auto made = make_certificate(spec, issuer);
  REQUIRE(made.ok());
  return std::move(*made);
}

}  // namespace

TEST_CASE("a chain is taken whole or not at all") {
  const CertifiedKey authority = certificate("authority", nullptr, true);
  const CertifiedKey leaf = certificate("leaf", &authority, false);
  std::string broken = authority.cert_pem;
  broken[100] = '!';
  struct Row {
    std::string name;
    std::string cert_pem;
    std::string key_pem;
    bool ok;
  };
  const Row rows[] = {
      {"the leaf alone", leaf.cert_pem, leaf.key_pem, true},
      {"with its issuer", leaf.cert_pem + authority.cert_pem, leaf.key_pem, true},
      {"with text behind it", leaf.cert_pem + authority.cert_pem + "\nissued by hand\n", leaf.key_pem, true},
      {"nothing", "", leaf.key_pem, false},
      {"a broken leaf", broken, authority.key_pem, false},
      {"a broken issuer", leaf.cert_pem + broken, leaf.key_pem, false},
      {"an issuer that is cut off", leaf.cert_pem + authority.cert_pem.substr(0, 200), leaf.key_pem, false},
      {"another certificate's key", leaf.cert_pem, authority.key_pem, false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Result<SSL_CTX*> context = make_server_context(row.cert_pem, row.key_pem, false);
    CHECK(context.ok() == row.ok);
    if (context) {
      SSL_CTX_free(*context);
    } else {
      CHECK(context.error().code == ErrorCode::kInvalid);
    }
  }
}

}  // namespace sluice::http
