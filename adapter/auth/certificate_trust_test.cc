#include "adapter/auth/certificate_trust.h"

#include <doctest/doctest.h>

#include "adapter/auth/test_chain.h"

namespace sluice::adapter {
namespace {

TEST_CASE("a chain to a trusted CA names its user and groups") {
  const auto ca = test_ca("ca"), middle = test_ca("middle", &ca);
  const auto user = test_certificate({.common_name = "alice", .organizations = {"ops", "dev"}}, &middle);
  const auto trust = CertificateTrust::from_pem(ca.cert_pem);
  REQUIRE(trust.ok());

  const auto named = trust->verify(der_chain(user.cert_pem + middle.cert_pem), kTestTime);
  REQUIRE(named.ok());
  CHECK(named->common_name == "alice");
  CHECK(named->organizations == std::vector<std::string>{"ops", "dev"});

  // What stands in the bundle is an anchor, even where it did not sign itself.
  const auto middle_only = CertificateTrust::from_pem(middle.cert_pem);
  REQUIRE(middle_only.ok());
  CHECK(middle_only->verify(der_chain(user.cert_pem), kTestTime).ok());
}

TEST_CASE("every other chain is refused with its reason") {
  const auto ca = test_ca("ca"), other = test_ca("ca"), middle = test_ca("middle", &ca);
  const auto good = test_certificate({.common_name = "alice"}, &ca);
  const auto stranger = test_certificate({.common_name = "alice"}, &other);
  const auto behind = test_certificate({.common_name = "alice"}, &middle);
  const auto server = test_certificate({.common_name = "alice", .for_client = false}, &ca);
  const auto no_ca = test_certificate({.common_name = "mallory"}, &good);
  const auto trust = CertificateTrust::from_pem(other.cert_pem + ca.cert_pem);
  REQUIRE(trust.ok());
  REQUIRE(trust->verify(der_chain(good.cert_pem), kTestTime).ok());
  REQUIRE(trust->verify(der_chain(stranger.cert_pem), kTestTime).ok());
  const auto only_ca = CertificateTrust::from_pem(ca.cert_pem);

  struct Row {
    const char* name;
    std::vector<std::string> chain;
    WallTime when;
    const char* said;
  };
  const Row rows[] = {
      {"none", {}, kTestTime, "no certificate"},
      {"not readable", {"x"}, kTestTime, "cannot be read"},
      {"an intermediate that is not readable", {der_chain(good.cert_pem)[0], "x"}, kTestTime, "cannot be read"},
      {"a namesake CA", der_chain(stranger.cert_pem), kTestTime, "not valid"},
      {"its intermediate is missing", der_chain(behind.cert_pem), kTestTime, "unable to get local issuer"},
      {"expired", der_chain(good.cert_pem), kTestTime + std::chrono::hours(2), "expired"},
      {"not valid yet", der_chain(good.cert_pem), kTestTime - std::chrono::hours(2), "not yet valid"},
      {"meant for servers", der_chain(server.cert_pem), kTestTime, "purpose"},
      {"signed by one that is no CA", der_chain(no_ca.cert_pem + good.cert_pem), kTestTime, "not valid"},
      {"too long", std::vector<std::string>(11, der_chain(good.cert_pem)[0]), kTestTime, "too long"}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    const auto named = only_ca->verify(row.chain, row.when);
    REQUIRE_FALSE(named.ok());
    CHECK(named.error().code == ErrorCode::kDenied);
    CAPTURE(named.error().message);
    CHECK(named.error().message.find(row.said) != std::string::npos);
  }
}

TEST_CASE("a trust without CAs trusts nobody, and a broken bundle is an error") {
  const auto ca = test_ca("ca");
  const auto none = CertificateTrust::from_pem("");
  REQUIRE(none.ok());
  CHECK(none->empty());
  CHECK_FALSE(none->verify(der_chain(ca.cert_pem), kTestTime).ok());
  CHECK_FALSE(CertificateTrust::from_pem("nonsense").ok());
}

}  // namespace
}  // namespace sluice::adapter
