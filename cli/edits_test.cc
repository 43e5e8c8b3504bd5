#include "cli/edits.h"

#include <doctest/doctest.h>

#include "cli/test_objects.h"

namespace sluice::cli {
namespace {

using kube::Json;
using testing::gateway;

const Json kVersion{{"resourceVersion", "7"}};

TEST_CASE("pause and resume") {
  CHECK(pause_edit(gateway(), true)->patch == Json{{"metadata", kVersion}, {"spec", {{"paused", true}}}});
  CHECK(pause_edit(gateway(), false).error().message == "realtimegateways.sluice.dev \"edge\" is not paused");
  Json paused = gateway();
  paused["spec"]["paused"] = true;
  CHECK(pause_edit(paused, true).error().message == "realtimegateways.sluice.dev \"edge\" is already paused");
  CHECK(pause_edit(paused, false)->told == "resumed");
}

TEST_CASE("pods to drain are added once and taken out again") {
  const Edit first = drain_edit(gateway(), "edge-a").value();
  CHECK(first.patch == Json{{"metadata", kVersion}, {"spec", {{"scaleDown", {{"podsToDrain", {"edge-a"}}}}}}});
  Json asked = gateway();
  asked["spec"]["scaleDown"] = {{"podsToDrain", {"edge-a", "edge-b"}}};
  CHECK(drain_edit(asked, "edge-a")->patch.is_null());
  CHECK(drain_edit(asked, "edge-c")->patch["spec"]["scaleDown"]["podsToDrain"] == Json{"edge-a", "edge-b", "edge-c"});
  CHECK(undrain_edit(asked, "edge-a").patch["spec"]["scaleDown"]["podsToDrain"] == Json::array({"edge-b"}));
  CHECK(undrain_edit(asked, "edge-x").patch.is_null());
  asked["spec"]["scaleDown"]["podsToDrain"] = {"edge-a"};
  CHECK(undrain_edit(asked, "edge-a").patch["spec"]["scaleDown"]["podsToDrain"].is_null());
  for (int i = 0; i < 99; ++i) asked["spec"]["scaleDown"]["podsToDrain"].push_back("p" + std::to_string(i));
  CHECK_FALSE(drain_edit(asked, "edge-z").ok());
}

TEST_CASE("a step is promoted by its revision and number") {
  CHECK(promote_edit(gateway())->patch ==
        Json{{"metadata", {{"resourceVersion", "7"}, {"annotations", {{"sluice.dev/promote", "new/2"}}}}}});
  CHECK(promote_edit(gateway())->told == "promoted past step 2 of 3 (revision new)");
  Json done = gateway();
  done["status"]["rollout"] = {{"phase", "Done"}, {"revision", "new"}};
  CHECK(promote_edit(done).error().message ==
        "realtimegateways.sluice.dev \"edge\" is in no canary step: there is nothing to promote");
  Json refused = gateway();
  refused["status"]["rollout"]["revision"] = "old";
  CHECK_FALSE(promote_edit(refused).ok());
  Json twice = gateway();
  twice["metadata"]["annotations"] = {{"sluice.dev/promote", "new/2"}};
  CHECK(promote_edit(twice)->patch.is_null());
}

TEST_CASE("no edit writes spec.replicas") {
  Json asked = gateway();
  asked["spec"]["scaleDown"] = {{"podsToDrain", {"edge-a"}}};
  for (const Json& patch : {pause_edit(asked, true)->patch, drain_edit(asked, "b")->patch,
                            undrain_edit(asked, "edge-a").patch, promote_edit(asked)->patch}) {
    CHECK(patch.value("spec", Json::object()).contains("replicas") == false);
    CHECK(patch["metadata"]["resourceVersion"] == "7");
  }
}

TEST_CASE("whose pod it is") {
  CHECK(gateway_of_pod(testing::pod_json("aaaaa")).value() == "edge");
  Json other = testing::pod_json("aaaaa");
  other["metadata"]["ownerReferences"][0]["kind"] = "ReplicaSet";
  CHECK(gateway_of_pod(other).error().message == "pod \"edge-aaaaa\" belongs to no RealtimeGateway");
}

}  // namespace
}  // namespace sluice::cli
