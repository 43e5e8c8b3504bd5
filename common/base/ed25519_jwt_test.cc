#include "common/base/ed25519_jwt.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

const WallTime kNow{std::chrono::hours(24 * 365 * 56)};
constexpr const char* kPod = "3f1c5c7e-0d5a-4b0e-9a53-3f5c7f9a1b2c";

SigningKey make_key() {
  Result<SigningKey> key = SigningKey::generate();
  REQUIRE(key.ok());
  return *key;
}

VerificationKeys trusting(const std::vector<SigningKey>& keys) {
  std::vector<std::string> pems;
  for (const SigningKey& key : keys) pems.push_back(key.public_pem());
  Result<VerificationKeys> made = VerificationKeys::from_pems(pems);
  REQUIRE(made.ok());
  return *made;
}

}  // namespace

TEST_CASE("a token is accepted by the pod it is meant for, for its minute") {
  const SigningKey key = make_key();
  const VerificationKeys keys = trusting({key});
  const std::string token = key.sign(kPod, kNow, 60s);
  struct Row {
    const char* name;
    const char* audience;
    Duration later;
    const char* why;  // nullptr: accepted
  };
  const Row rows[] = {{"at once", kPod, 0s, nullptr},
                      {"within the minute", kPod, 59s, nullptr},
                      {"a clock that runs 30 s ahead is forgiven", kPod, 89s, nullptr},
                      {"expired", kPod, 90s, "token: expired"},
                      {"a clock that runs 30 s behind is forgiven", kPod, -30s, nullptr},
                      {"from the future", kPod, -31s, "token: not valid yet"},
                      {"another pod", "other", 0s, "token: meant for another pod"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Status status = keys.verify(token, row.audience, kNow + row.later);
    CHECK(status.ok() == (row.why == nullptr));
    if (!status.ok()) CHECK(status.error().message == row.why);
  }
}

TEST_CASE("two keys are trusted while keys rotate, a third is not") {
  const SigningKey before = make_key();
  const SigningKey after = make_key();
  const SigningKey stranger = make_key();
  const VerificationKeys keys = trusting({before, after});
  CHECK(keys.verify(before.sign(kPod, kNow, 60s), kPod, kNow).ok());
  CHECK(keys.verify(after.sign(kPod, kNow, 60s), kPod, kNow).ok());
  CHECK_FALSE(keys.verify(stranger.sign(kPod, kNow, 60s), kPod, kNow).ok());
  CHECK_FALSE(VerificationKeys().verify(before.sign(kPod, kNow, 60s), kPod, kNow).ok());
}

TEST_CASE("a changed token is refused whatever was changed") {
  const SigningKey key = make_key();
  const VerificationKeys keys = trusting({key});
  const std::string token = key.sign(kPod, kNow, 60s);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK_FALSE(keys.verify(changed, kPod, kNow).ok());
    CHECK_FALSE(keys.verify(token.substr(0, i), kPod, kNow).ok());
  }
  CHECK_FALSE(keys.verify(token + "A", kPod, kNow).ok());
  CHECK_FALSE(keys.verify(token + ".", kPod, kNow).ok());
  CHECK_FALSE(keys.verify(std::string(100'000, 'A'), kPod, kNow).ok());
}

TEST_CASE("a token that names another algorithm is refused") {
  const SigningKey key = make_key();
  const VerificationKeys keys = trusting({key});
  const std::string token = key.sign(kPod, kNow, 60s);
  // {"alg":"none"} in front of our claims.
  const std::string none = "eyJhbGciOiJub25lIn0" + token.substr(token.find('.'));
  const Status status = keys.verify(none, kPod, kNow);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message == "token: algorithm is not EdDSA");
}

TEST_CASE("keys go through PEM and keep their id") {
  const SigningKey key = make_key();
  const Result<SigningKey> again = SigningKey::from_pem(key.private_pem());
  REQUIRE(again.ok());
  CHECK(again->id() == key.id());
  CHECK(again->public_pem() == key.public_pem());
  CHECK(key.id().size() == 16);
  CHECK_FALSE(SigningKey::from_pem("nonsense").ok());
  CHECK_FALSE(SigningKey::from_pem(key.public_pem()).ok());
  CHECK_FALSE(VerificationKeys::from_pems({key.public_pem(), "nonsense"}).ok());
}

}  // namespace sluice
