#include "adapter/auth/authorizer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "adapter/auth/digest.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

class FakeReviews final : public Reviews {
 public:
  Result<std::optional<User>> review_token(const std::string&) override { return std::optional<User>(); }
  Result<AccessDecision> review_access(const User& user, const AccessAttributes&) override {
    ++calls;
    if (down) return Error{ErrorCode::kUnavailable, "down"};
    return AccessDecision{user.name == "alice", "because"};
  }
  int calls = 0;
  bool down = false;
};

const AccessAttributes kPods{"get", "", "custom.metrics.k8s.io", "v1beta2", "shop", "pods", "m", "*"};

TEST_CASE("the API server decides, once in ten seconds for each question") {
  FakeReviews reviews;
  ManualClock clock;
  Authorizer authorizer(reviews, clock);
  const User alice{"alice", "", {"dev"}, {}}, bob{"bob", "", {"dev"}, {}};
  CHECK(authorizer.decide(alice, kPods)->allowed);
  CHECK(authorizer.decide(alice, kPods)->allowed);
  CHECK(reviews.calls == 1);
  CHECK_FALSE(authorizer.decide(bob, kPods)->allowed);
  CHECK(authorizer.decide(bob, kPods)->reason == "because");
  CHECK(reviews.calls == 2);
  AccessAttributes elsewhere = kPods;
  elsewhere.ns = "other";
  CHECK(authorizer.decide(alice, elsewhere)->allowed);
  User more = alice;
  more.groups.emplace_back("ops");
  CHECK(authorizer.decide(more, kPods)->allowed);
  CHECK(reviews.calls == 4);

  clock.advance(Authorizer::kLifetime);
  reviews.down = true;
  const auto down = authorizer.decide(alice, kPods);
  REQUIRE_FALSE(down.ok());
  CHECK(down.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a question longer than any name is refused before it is asked, whoever asks it") {
  FakeReviews reviews;
  ManualClock clock;
  Authorizer authorizer(reviews, clock);
  AccessAttributes path;
  path.path = std::string(Authorizer::kChosenBytesMax, 'x');
  CHECK(authorizer.decide({"alice", "", {}, {}}, path)->allowed);
  path.path += 'x';
  AccessAttributes parts = kPods;
  parts.name = parts.ns = parts.subresource = std::string(Authorizer::kChosenBytesMax / 3, 'x');
  for (const char* group : {"system:unauthenticated", kMastersGroup}) {
    for (const AccessAttributes& wanted : {path, parts}) {
      const auto refused = authorizer.decide({"alice", "", {group}, {}}, wanted);
      REQUIRE_FALSE(refused.ok());
      CHECK(refused.error().code == ErrorCode::kInvalid);
    }
  }
  CHECK(reviews.calls == 1);
}

TEST_CASE("what is kept of a question is as long as a digest") {
  CHECK(digest("").size() == 32);
  CHECK(digest(std::string(1 << 20, 'x')).size() == 32);
  CHECK(digest("a") != digest("b"));
}

TEST_CASE("system:masters need not ask") {
  FakeReviews reviews;
  ManualClock clock;
  Authorizer authorizer(reviews, clock);
  CHECK(authorizer.decide({"system:kube-aggregator", "", {"system:masters"}, {}}, kPods)->allowed);
  CHECK(reviews.calls == 0);
}

TEST_CASE("a review asks exactly what is wanted") {
  const User user{"alice", "7", {"dev"}, {{"scopes", {"a"}}}};
  CHECK(make_access_review(user, kPods) ==
        Json::parse(R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview",
    "spec":{"user":"alice","uid":"7","groups":["dev"],"extra":{"scopes":["a"]},"resourceAttributes":{"verb":"get",
      "group":"custom.metrics.k8s.io","version":"v1beta2","namespace":"shop","resource":"pods","subresource":"m","name":"*"}}})"));
  AccessAttributes path;
  path.path = "/metrics";
  CHECK(make_access_review({"bob", "", {}, {}}, path)["spec"] ==
        Json::parse(R"({"user":"bob","groups":[],"nonResourceAttributes":{"verb":"get","path":"/metrics"}})"));
}

TEST_CASE("a token review names a user or nobody") {
  const auto user =
      read_token_review(Json::parse(R"({"status":{"authenticated":true,"user":{"username":"robot","uid":"7",
    "groups":["a",3],"extra":{"k":["v"]}}}})"));
  REQUIRE(user.has_value());
  CHECK(*user == User{"robot", "7", {"a"}, {{"k", {"v"}}}});
  for (const char* none :
       {"{}", R"({"status":{"authenticated":false,"user":{"username":"robot"}}})",
        R"({"status":{"authenticated":true,"user":{}}})", R"({"status":{"authenticated":"true"}})"}) {
    CAPTURE(std::string(none));
    CHECK_FALSE(read_token_review(Json::parse(none)).has_value());
  }
}

}  // namespace
}  // namespace sluice::adapter
