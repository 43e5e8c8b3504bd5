#include "common/kube/pem_check.h"

#include <doctest/doctest.h>

#include "common/http/loopback_server.h"

namespace sluice::kube {

TEST_CASE("roots are whole where every certificate is") {
  const std::string one = http::make_test_identity("one", "DNS:one").cert_pem;
  const std::string two = http::make_test_identity("two", "DNS:two").cert_pem;
  std::string broken = two;
  broken[100] = '!';
  struct Row {
    std::string name;
    std::string pem;
    bool whole;
  };
  const Row rows[] = {{"one", one, true},
                      {"several, with words between", "# one\n" + one + "\n# two\n" + two, true},
                      {"none", "", false},
                      {"no PEM", "not yet", false},
                      {"the second is damaged", one + broken, false},
                      {"the second is cut off", one + two.substr(0, two.size() / 2), false},
                      {"cut off inside its last line", one.substr(0, one.size() - 10), false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(holds_certificates(row.pem) == row.whole);
  }
}

TEST_CASE("a key fits its own certificate") {
  const http::TestIdentity one = http::make_test_identity("one", "DNS:one");
  const http::TestIdentity two = http::make_test_identity("two", "DNS:two");
  CHECK(key_fits(one.cert_pem, one.key_pem));
  CHECK(key_fits(one.cert_pem + two.cert_pem, one.key_pem));
  CHECK_FALSE(key_fits(one.cert_pem, two.key_pem));
  CHECK_FALSE(key_fits(two.cert_pem + one.cert_pem, one.key_pem));
  CHECK_FALSE(key_fits(one.cert_pem, one.key_pem.substr(0, one.key_pem.size() / 2)));
  CHECK_FALSE(key_fits("", one.key_pem));
  CHECK_FALSE(key_fits(one.cert_pem, ""));
}

}  // namespace sluice::kube
