// Certificates for the tests of this folder.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/http/certificate.h"

namespace sluice::adapter {

/// Valid for an hour around the epoch's 2024-01-01.
inline const WallTime kTestTime{std::chrono::hours(24 * 365 * 54)};

inline http::CertifiedKey test_certificate(http::CertificateSpec spec, const http::CertifiedKey* issuer = nullptr) {
  spec.not_before = kTestTime - std::chrono::hours(1);
  spec.not_after = kTestTime + std::chrono::hours(1);
  auto made = http::make_certificate(spec, issuer);
  REQUIRE(made.ok());
  return std::move(*made);
}

inline http::CertifiedKey test_ca(const std::string& name, const http::CertifiedKey* issuer = nullptr) {
  return test_certificate({.common_name = name, .ca = true}, issuer);
}

inline std::vector<std::string> der_chain(const std::string& pem) {
  auto ders = http::pem_to_der(pem);
  REQUIRE(ders.ok());
  return std::move(*ders);
}

}  // namespace sluice::adapter
