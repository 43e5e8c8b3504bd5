#include "cli/fleet.h"

#include <doctest/doctest.h>

#include "cli/test_objects.h"

namespace sluice::cli {
namespace {

using namespace testing;
using kube::Json;

FleetView merged(const Json& owner, std::vector<Json> pods, const LiveFigures& live = {},
                 const DrainMemory& memory = {}) {
  std::vector<kube::Object> objects;
  for (Json& pod : pods) objects.push_back(object(std::move(pod)));
  return merge_fleet(owner, objects, live, memory, kNoon);
}

TEST_CASE("a fleet is what status, pods and gateways say together") {
  const FleetView fleet = merged(gateway(), {pod_json("aaaaa"), draining_json(), pod_json("bbbbb", "gray")},
                                 {{"a", figure(700)}, {"d", figure(250)}, {"b", figure(50)}});
  CHECK(fleet.ns == "prod");
  CHECK(fleet.name == "edge");
  CHECK(fleet.wanted == 3);
  CHECK(fleet.connections == "1k");
  REQUIRE(fleet.pods.size() == 3);
  const PodView& drains = fleet.pods[0];
  CHECK(drains.name == "edge-ddddd");
  CHECK(drains.state == "draining");
  CHECK_FALSE(drains.updated);
  CHECK(drains.connections == 250);
  REQUIRE(drains.drain);
  CHECK(drains.drain->remaining == 250);  // The gateway's word is newer than the status.
  CHECK(drains.drain->done() == doctest::Approx(0.75));
  CHECK(drains.drain->eta == 12'500ms);  // 250 at the 20/s that are granted.
  CHECK(fleet.pods[1].name == "edge-aaaaa");
  CHECK(fleet.pods[1].updated);
  CHECK(fleet.pods[2].state == "gray");
}

TEST_CASE("without live figures the status stands") {
  const FleetView fleet = merged(gateway(), {pod_json("aaaaa"), draining_json()});
  CHECK(fleet.connections == "9k");
  CHECK(fleet.pods[0].connections == 400);
  CHECK(fleet.pods[0].drain->eta == 20s);
  CHECK_FALSE(fleet.pods[1].connections);
}

TEST_CASE("a drain that the status does not list is read from its record") {
  Json owner = gateway();
  owner["status"]["drains"] = Json::array();
  const FleetView fleet = merged(owner, {draining_json()}, {{"d", figure(100)}});
  const DrainView& drain = fleet.pods[0].drain.value();
  CHECK(drain.reason == "Rollout");
  CHECK(drain.phase == "Evicting");
  CHECK(drain.granted == 20);
  CHECK(drain.eta == 5s);
  CHECK_FALSE(drain.done());
  Json young = draining_json();
  young["metadata"]["annotations"]["sluice.dev/drain"] = R"({"reason":"ScaleDown","startedAt":"2026-11-23T11:59:50Z"})";
  CHECK(merged(owner, {young}).pods[0].drain->phase == "Propagating");
  Json frozen = draining_json();
  frozen["metadata"]["annotations"]["sluice.dev/drain"] = R"({"reason":"ScaleDown","frozenAt":"2026-11-23T11:59:50Z"})";
  CHECK(merged(owner, {frozen}).pods[0].drain->phase == "Frozen");
  Json edited = draining_json();
  edited["metadata"]["annotations"]["sluice.dev/drain"] = "{";
  CHECK(merged(owner, {edited}).pods[0].drain.has_value());
}

TEST_CASE("states say what is in the way") {
  Json pending = pod_json("aaaaa");
  pending["status"] = {{"phase", "Pending"}};
  Json crashing = pod_json("bbbbb");
  crashing["status"]["containerStatuses"][0]["state"] = {{"waiting", {{"reason", "CrashLoopBackOff"}}}};
  Json going = pod_json("ccccc");
  going["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z";
  Json strange = pod_json("eeeee");
  strange["metadata"]["ownerReferences"][0]["uid"] = "another";
  const FleetView fleet = merged(gateway(), {pending, crashing, going, strange});
  REQUIRE(fleet.pods.size() == 3);
  CHECK(fleet.pods[0].state == "Pending");
  CHECK(fleet.pods[1].state == "CrashLoopBackOff");
  CHECK(fleet.pods[2].state == "Terminating");
  CHECK(can_be_asked(going));
  CHECK_FALSE(can_be_asked(pending));
  CHECK_FALSE(can_be_asked(crashing));
}

TEST_CASE("conditions that say something, what is bad first") {
  const FleetView fleet = merged(gateway(), {});
  std::string said;
  for (const ConditionView& condition : fleet.conditions) said += condition.type + (condition.bad ? "! " : " ");
  CHECK(said == "ScaleDownBlocked! Progressing Draining ");
  Json broken = gateway();
  broken["status"]["conditions"] = Json::parse(
      R"([{"type": "Available", "status": "False"}, {"type": "Progressing", "status": "False", "reason": "CreateFailed"}, 7])");
  said.clear();
  for (const ConditionView& condition : merged(broken, {}).conditions)
    said += condition.type + (condition.bad ? "! " : " ");
  CHECK(said == "Available! Progressing! ");
}

TEST_CASE("notes of the spec") {
  Json owner = gateway();
  owner["spec"]["paused"] = true;
  owner["spec"]["drainFreeze"] = true;
  owner["spec"]["scaleDown"] = {{"podsToDrain", {"edge-aaaaa", "edge-bbbbb"}}};
  const FleetView fleet = merged(owner, {pod_json("aaaaa")});
  CHECK(fleet.notes == std::vector<std::string>{"spec.paused: rollouts stand still",
                                                "spec.drainFreeze: drains stand still",
                                                "asked to go (podsToDrain): edge-aaaaa, edge-bbbbb"});
  CHECK(fleet.pods[0].asked_to_go);
}

TEST_CASE("a watch measures what goes") {
  DrainMemory memory;
  const SteadyTime begin(1h);
  memory.note("d", 1000, begin);
  CHECK_FALSE(memory.rate("d"));
  memory.note("d", 1000, begin + 2s);
  CHECK_FALSE(memory.rate("d"));
  memory.note("d", 940, begin + 4s);
  CHECK(memory.rate("d") == doctest::Approx(15));
  CHECK(memory.most("d") == 1000);
  // Only the last looks count.
  for (int i = 3; i <= 12; ++i) memory.note("d", 940 - 100.0 * (i - 2), begin + 2s * i);
  CHECK(memory.rate("d") == doctest::Approx(50));
  const FleetView fleet = merged(gateway(), {draining_json()}, {{"d", figure(100)}}, memory);
  CHECK(fleet.pods[0].drain->measured == doctest::Approx(50));
  CHECK(fleet.pods[0].drain->eta == 2s);
  memory.keep({});
  CHECK_FALSE(memory.rate("d"));
}

TEST_CASE("objects of another shape are no reason to fall") {
  for (const char* text : {"{}", R"({"spec": 7, "status": []})",
                           R"({"status": {"drains": 7, "conditions": {}}, "metadata": {"uid": 3}})"}) {
    CAPTURE(text);
    CHECK(merged(Json::parse(text), {pod_json("aaaaa"), Json::object()}).pods.empty());
  }
}

}  // namespace
}  // namespace sluice::cli
