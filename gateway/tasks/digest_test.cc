#include "gateway/tasks/digest.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

TEST_CASE("the digest is what a client computes from the formula") {
  // Computed elsewhere, with Python's hashlib over bytes(((i * 2654435761) >> 24) & 255 for i in range(n << 20)).
  const std::atomic<bool> stopping = false;
  CHECK(*digest_megabytes(1, stopping) == "ca6073392ee71dbd1a2d356c3caa233f8f828ae17f8f8ba8570ee3491be128ab");
  CHECK(*digest_megabytes(2, stopping) == "13be75161a6f158aa8708117a980d7b34489b8c855384bc7689905b58d9a3202");
}

TEST_CASE("a digest gives up where the process stops") {
  const std::atomic<bool> stopping = true;
  const auto digest = digest_megabytes(1000, stopping);
  REQUIRE(!digest);
  CHECK(digest.error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace sluice::gateway
