#include "common/http/certificate.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

CertificateSpec spec(const std::string& name) {
  CertificateSpec out;
  out.common_name = name;
  out.not_before = SystemClock().wall();
  out.not_after = out.not_before + std::chrono::hours(1);
  return out;
}

TEST_CASE("a certificate says when it ends and how many stand in its file") {
  const CertificateSpec wanted = spec("edge");
  const auto made = make_certificate(wanted);
  REQUIRE(made.ok());
  const auto end = certificate_end(made->cert_pem);
  REQUIRE(end.ok());
  CHECK(std::chrono::floor<std::chrono::seconds>(wanted.not_after) == *end);

  const auto two = pem_to_der(made->cert_pem + "\n" + made->cert_pem);
  REQUIRE(two.ok());
  REQUIRE(two->size() == 2);
  CHECK((*two)[0] == (*two)[1]);
}

TEST_CASE("a broken certificate is an error") {
  const auto made = make_certificate(spec("edge"));
  REQUIRE(made.ok());
  std::string broken = made->cert_pem;
  broken[100] = '!';
  CHECK_FALSE(pem_to_der("").ok());
  CHECK_FALSE(pem_to_der("no certificate").ok());
  CHECK_FALSE(pem_to_der(broken).ok());
  CHECK_FALSE(pem_to_der(made->cert_pem + broken).ok());
  CHECK_FALSE(certificate_end("no certificate").ok());
}

TEST_CASE("a certificate is refused where a name or the issuer is not valid") {
  CertificateSpec bad_address = spec("edge");
  bad_address.ip_addresses = {"not an address"};
  CHECK_FALSE(make_certificate(bad_address).ok());

  const CertifiedKey no_issuer{"nothing", "nothing"};
  const auto refused = make_certificate(spec("edge"), &no_issuer);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kInvalid);
}

}  // namespace
}  // namespace sluice::http
