#include "operator/names.h"

#include <doctest/doctest.h>

#include <set>

namespace sluice::op {

TEST_CASE("pod names follow from owner and index") {
  CHECK(pod_name("edge", "uid-1", 0) == pod_name("edge", "uid-1", 0));
  CHECK(pod_name("edge", "uid-1", 0) != pod_name("edge", "uid-1", 1));
  CHECK(pod_name("edge", "uid-1", 0) != pod_name("edge", "uid-2", 0));
  CHECK(pod_name("edge", "uid-1", 0).size() == std::string("edge-").size() + 5);
}

TEST_CASE("free_names takes the smallest free indices and steps over what is taken") {
  Observed seen;
  seen.name = "edge";
  seen.uid = "uid-1";
  const auto first = free_names(seen, 3);
  REQUIRE(first.size() == 3);
  CHECK(first[0] == pod_name("edge", "uid-1", 0));

  PodView pod;
  pod.name = first[0];
  pod.terminating = true;  // Its name is taken until it is gone.
  seen.pods.push_back(pod);
  seen.taken_names.insert(first[1]);
  CHECK(free_names(seen, 1) == std::vector<std::string>{first[2]});
}

TEST_CASE("a thousand names of one gateway differ") {
  Observed seen;
  seen.name = "edge";
  seen.uid = "9b1c7f7e-6d34-4d0a-8f0f-0d1f6a3b2c11";
  const auto names = free_names(seen, 1000);
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == 1000);
}

TEST_CASE("the revision changes with the template, and with the default image only where it is used") {
  const auto named = kube::Json::parse(R"({"spec":{"containers":[{"name":"gateway","image":"a:1"}]}})");
  const auto other = kube::Json::parse(R"({"spec":{"containers":[{"name":"gateway","image":"a:2"}]}})");
  const auto bare = kube::Json::parse(R"({"spec":{"containers":[{"name":"sidecar","image":"a:2"}]}})");
  CHECK(revision_of(named, "x") == revision_of(named, "y"));
  CHECK(revision_of(named, "x") != revision_of(other, "x"));
  CHECK(revision_of(bare, "x") != revision_of(bare, "y"));
  CHECK(revision_of(kube::Json::object(), "x") != revision_of(kube::Json::object(), "y"));
  CHECK(revision_of(named, "x").size() == 10);
}

}  // namespace sluice::op
