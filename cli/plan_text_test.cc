#include "cli/plan_text.h"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

using kube::Json;

Json plan() {
  return Json::parse(R"({
    "namespace": "prod", "name": "edge", "at": "2026-11-23T12:00:00Z",
    "replicas": {"spec": 5, "asked": 3, "serving": 5, "draining": 0, "after": 3},
    "drains": [
      {"pod": "edge-bbbbb", "reason": "ScaleDown", "running": false, "beginsAfter": "0s", "takes": "45s", "endsAfter": "45s", "rate": 800,
       "connections": 10000, "cost": 12000, "runnerUp": "edge-ccccc", "runnerUpCost": 20000, "outcome": "drained"},
      {"pod": "edge-ccccc", "reason": "ScaleDown", "running": false, "beginsAfter": "45s", "takes": "30m0s", "endsAfter": "30m45s", "rate": 600,
       "connections": 22500, "outcome": "timed out", "cutByDeadline": 1500}],
    "drainCount": 2, "rounds": 2, "deleted": [], "takenBack": [], "created": 0, "connectionsMoved": 32500, "connectionsCut": 1500,
    "budget": {"perSecondNow": 1000, "perSecondMax": 20000, "perSecondPerReceiver": 200}, "maxConcurrentDrains": 1,
    "propagationDelay": "15s", "hintJitter": "30s", "timeout": "30m0s", "duration": "30m45s", "complete": true,
    "capacity": {"connections": 150000, "connectionsPerPod": 100000, "guardPercent": 90, "guardPerPod": 90000, "receiversNow": 5,
                 "receiversAfter": 3, "perPodAfter": 50000, "headroom": 120000, "usedPercentAfter": 50.0},
    "knowledge": {"podsHeard": 5, "podsUnheard": 0, "podsFailing": 1, "oldestState": "4.2s"},
    "blockedBy": [], "notes": []})");
}

TEST_CASE("a plan for a person") {
  const std::vector<std::string> expected = {
      "prod/edge: 5 -> 3 replicas  (5 serve now, 0 drain)",
      "",
      "#   POD          REASON      CONNECTIONS     COST   AFTER   TAKES    RATE   OUTCOME                 RUNNER-UP "
      "(COST)",
      "1   edge-bbbbb   ScaleDown        10,000   12,000      0s     45s   800/s   drained                 edge-ccccc "
      "(20,000)",
      "2   edge-ccccc   ScaleDown        22,500        -     45s     30m   600/s   timed out, cuts 1,500   -",
      "",
      "Duration   about 30m for 2 drains in 2 rounds (1 at once; each: propagation 15s, at least 30s of hints, 30m0s "
      "at most)",
      "Moves      32,500 connections, of which deadlines cut 1,500 beyond the budget",
      "Budget     1k/s now: 200/s for each of 5 receivers, at most 20k/s",
      "Headroom   50,000 connections on each of 3 pods afterwards, 50.0% of 100,000; the guard (90%) leaves room for "
      "120,000 more",
      "Known      at 2026-11-23T12:00:00Z, states at most 4s old, 1 pod not answering"};
  CHECK(plan_lines(plan(), {}) == expected);
}

TEST_CASE("what is in a plan's way, and what needs no drain") {
  Json other = plan();
  other["drains"] = Json::array();
  other["drainCount"] = 0;
  other["blockedBy"] = {"spec.drainFreeze: no drain begins"};
  other["notes"] = {"spec.paused: rollouts stand still"};
  other["capacity"]["headroom"] = -10;
  const auto has = [](const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  const auto lines = plan_lines(other, {});
  CHECK(has(lines, "Blocked    spec.drainFreeze: no drain begins"));
  CHECK(has(lines, "Note       spec.paused: rollouts stand still"));
  CHECK(has(lines, "Nothing    no pod would go and none be made"));
  other["created"] = 2;
  other["takenBack"] = {"edge-d"};
  other["deleted"] = {"edge-e", "edge-f"};
  other["capacity"]["receiversAfter"] = 0;
  const auto more = plan_lines(other, {});
  CHECK(has(more, "Makes      2 pods"));
  CHECK(has(more, "Takes back edge-d (drain ends, the pod serves again)"));
  CHECK(has(more, "Deletes    edge-e, edge-f (nothing to move)"));
  CHECK(has(more, "Headroom   no pod would be left to take connections over"));
}

TEST_CASE("an answer of another shape is no reason to fall") {
  for (const char* text : {"{}", R"({"drains": [7, {}], "drainCount": "x", "blockedBy": [1], "capacity": []})"}) {
    CAPTURE(text);
    CHECK_FALSE(plan_lines(Json::parse(text), {.width = 30}).empty());
  }
  const Json json = plan_json(plan(), "sluice-system/op-1");
  CHECK(json["kind"] == "FleetPlan");
  CHECK(json["answeredBy"] == "sluice-system/op-1");
}

}  // namespace
}  // namespace sluice::cli
