#include "cli/live.h"

#include <doctest/doctest.h>

#include "cli/leader.h"
#include "cli/test_objects.h"

namespace sluice::cli {
namespace {

using namespace testing;
using kube::Json;

TEST_CASE("draining pods are asked at each look, the others in turn") {
  const std::vector<kube::Object> pods = {object(pod_json("aaaaa")), object(pod_json("bbbbb")), object(draining_json()),
                                          object(pod_json("ccccc"))};
  std::size_t cursor = 0;
  const auto asked = [&](std::size_t others) {
    std::string names;
    for (const kube::Object& pod : whom_to_ask(pods, others, cursor)) names += kube::uid_of(*pod);
    return names;
  };
  CHECK(asked(2) == "dab");
  CHECK(asked(2) == "dca");
  CHECK(asked(9) == "dbca");
  CHECK(asked(0) == "d");
  CHECK(whom_to_ask({}, 5, cursor).empty());
}

TEST_CASE("who leads, and where it is asked") {
  CHECK(holder_pod({{"spec", {{"holderIdentity", "sluice-operator-7d9f_0123456789abcdef"}}}}) ==
        "sluice-operator-7d9f");
  CHECK(holder_pod({{"spec", {{"holderIdentity", ""}}}}).empty());
  CHECK(holder_pod(Json::object()).empty());
  CHECK(holder_pod({{"spec", {{"holderIdentity", "plain"}}}}) == "plain");
  CHECK(
      probe_port(Json::parse(
          R"({"spec": {"containers": [{"ports": [{"name": "x", "containerPort": 1}, {"name": "metrics", "containerPort": 9090}]}]}})")) ==
      9090);
  CHECK(probe_port(Json::object()) == 8080);
  CHECK(plan_path("prod", "edge", 3) == "/debug/v1/plan?namespace=prod&name=edge&replicas=3");
  CHECK(plan_path("a&b", "edge", std::nullopt) == "/debug/v1/plan?namespace=a%26b&name=edge");
}

}  // namespace
}  // namespace sluice::cli
