#include "adapter/auth/authenticator.h"

#include <doctest/doctest.h>

#include "adapter/auth/test_chain.h"

namespace sluice::adapter {
namespace {

class FakeReviews final : public Reviews {
 public:
  Result<std::optional<User>> review_token(const std::string& token) override {
    ++calls;
    if (down) return Error{ErrorCode::kUnavailable, "down"};
    if (token != "good") return std::optional<User>();
    return std::optional<User>(User{"robot", "7", {"robots"}, {{"scopes", {"a"}}}});
  }
  Result<AccessDecision> review_access(const User&, const AccessAttributes&) override { return AccessDecision{}; }
  int calls = 0;
  bool down = false;
};

struct Fixture {
  http::CertifiedKey proxy_ca = test_ca("proxy-ca"), client_ca = test_ca("client-ca");
  http::CertifiedKey proxy = test_certificate({.common_name = "front-proxy"}, &proxy_ca);
  http::CertifiedKey impostor = test_certificate({.common_name = "impostor"}, &proxy_ca);
  http::CertifiedKey alice = test_certificate({.common_name = "alice", .organizations = {"ops"}}, &client_ca);
  http::CertifiedKey nameless = test_certificate({.common_name = "", .organizations = {"ops"}}, &client_ca);
  http::CertifiedKey stranger = test_certificate({.common_name = "alice"});
  FakeReviews reviews;
  ManualClock clock{kTestTime};
  Authenticator authenticator{reviews, clock};

  AuthSettings settings() const {
    AuthSettings out;
    out.client_ca_pem = client_ca.cert_pem;
    out.request_header_ca_pem = proxy_ca.cert_pem;
    out.allowed_names = {"front-proxy"};
    out.username_headers = {"x-remote-user"};
    out.uid_headers = {"x-remote-uid"};
    out.group_headers = {"x-remote-group"};
    out.extra_prefixes = {"x-remote-extra-"};
    return out;
  }
  Fixture() { REQUIRE(authenticator.set_settings(settings()).ok()); }

  http::ServerRequest request(const http::CertifiedKey* from,
                              std::vector<std::pair<std::string, std::string>> headers = {}) const {
    http::ServerRequest out;
    out.headers = std::move(headers);
    if (from != nullptr) out.peer_chain_der = der_chain(from->cert_pem);
    return out;
  }
};

TEST_CASE("the front proxy names the user") {
  Fixture f;
  const auto user = f.authenticator.authenticate(f.request(&f.proxy, {{"x-remote-user", "bob"},
                                                                      {"x-remote-uid", "42"},
                                                                      {"x-remote-group", "dev"},
                                                                      {"x-remote-group", "ops"},
                                                                      {"x-remote-extra-acme.com%2fproject", "p1"},
                                                                      {"x-remote-extra-acme.com%2fproject", "p2"},
                                                                      {"authorization", "Bearer bad"}}));
  REQUIRE(user.ok());
  CHECK(*user == User{"bob", "42", {"dev", "ops", "system:authenticated"}, {{"acme.com/project", {"p1", "p2"}}}});
  CHECK(f.reviews.calls == 0);

  const auto anonymous = f.authenticator.authenticate(
      f.request(&f.proxy, {{"x-remote-user", "system:anonymous"}, {"x-remote-group", "system:unauthenticated"}}));
  REQUIRE(anonymous.ok());
  CHECK(anonymous->groups == std::vector<std::string>{"system:unauthenticated"});
}

TEST_CASE("nobody else does: its headers are refused without the front proxy's certificate") {
  Fixture f;
  const std::vector<std::pair<std::string, std::string>> forged = {{"x-remote-user", "admin"},
                                                                   {"x-remote-group", "system:masters"}};
  for (const http::CertifiedKey* from :
       {static_cast<const http::CertifiedKey*>(nullptr), static_cast<const http::CertifiedKey*>(&f.impostor),
        static_cast<const http::CertifiedKey*>(&f.alice), static_cast<const http::CertifiedKey*>(&f.stranger)}) {
    const auto user = f.authenticator.authenticate(f.request(from, forged));
    REQUIRE_FALSE(user.ok());
    CHECK(user.error().code == ErrorCode::kDenied);
  }
  auto with_token = forged;
  with_token.emplace_back("authorization", "Bearer good");
  CHECK_FALSE(f.authenticator.authenticate(f.request(nullptr, with_token)).ok());

  f.clock.advance(std::chrono::hours(2));
  CHECK_FALSE(f.authenticator.authenticate(f.request(&f.proxy, {{"x-remote-user", "bob"}})).ok());
}

TEST_CASE("without allowed names any certificate of the front proxy's CA will do") {
  Fixture f;
  AuthSettings settings = f.settings();
  settings.allowed_names.clear();
  REQUIRE(f.authenticator.set_settings(settings).ok());
  CHECK(f.authenticator.authenticate(f.request(&f.impostor, {{"x-remote-user", "bob"}})).ok());
}

TEST_CASE("a certificate of the clients' CA names its owner") {
  Fixture f;
  const auto user = f.authenticator.authenticate(f.request(&f.alice));
  REQUIRE(user.ok());
  CHECK(*user == User{"alice", "", {"ops", "system:authenticated"}, {}});
  CHECK_FALSE(f.authenticator.authenticate(f.request(&f.stranger)).ok());
  CHECK_FALSE(f.authenticator.authenticate(f.request(&f.nameless)).ok());
  CHECK_FALSE(f.authenticator.authenticate(f.request(&f.proxy)).ok());
  // A token that is valid makes up for a certificate that is not.
  CHECK(f.authenticator.authenticate(f.request(&f.stranger, {{"authorization", "Bearer good"}})).ok());
}

TEST_CASE("a bearer token is reviewed once in ten seconds") {
  Fixture f;
  const auto ask = [&](const char* header) {
    return f.authenticator.authenticate(f.request(nullptr, {{"authorization", header}}));
  };
  const auto robot = ask("Bearer good");
  REQUIRE(robot.ok());
  CHECK(*robot == User{"robot", "7", {"robots", "system:authenticated"}, {{"scopes", {"a"}}}});
  CHECK(ask("bearer  good ").ok());
  CHECK(f.reviews.calls == 1);
  CHECK_FALSE(ask("Bearer bad").ok());
  CHECK_FALSE(ask("Bearer bad").ok());
  CHECK(f.reviews.calls == 2);
  f.clock.advance(Authenticator::kTokenLifetime);
  f.reviews.down = true;
  const auto down = ask("Bearer good");
  REQUIRE_FALSE(down.ok());
  CHECK(down.error().code == ErrorCode::kUnavailable);
  CHECK(f.reviews.calls == 3);
}

TEST_CASE("who brings nothing is anonymous") {
  Fixture f;
  for (const auto& headers : {std::vector<std::pair<std::string, std::string>>{},
                              {{"authorization", "Basic YTpi"}},
                              {{"authorization", "Bearer "}},
                              {{"x-remote-group", "system:masters"}}}) {
    const auto user = f.authenticator.authenticate(f.request(nullptr, headers));
    REQUIRE(user.ok());
    CHECK(*user == User{"system:anonymous", "", {"system:unauthenticated"}, {}});
  }
}

TEST_CASE("before the settings are known nobody is let in, and settings that are broken change nothing") {
  FakeReviews reviews;
  ManualClock clock{kTestTime};
  Authenticator fresh(reviews, clock);
  CHECK_FALSE(fresh.ready());
  const auto early = fresh.authenticate({});
  REQUIRE_FALSE(early.ok());
  CHECK(early.error().code == ErrorCode::kUnavailable);

  Fixture f;
  AuthSettings broken = f.settings();
  broken.client_ca_pem = "nonsense";
  CHECK_FALSE(f.authenticator.set_settings(broken).ok());
  CHECK(f.authenticator.authenticate(f.request(&f.alice)).ok());
}

}  // namespace
}  // namespace sluice::adapter
