#include "operator/debug_plan.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {
namespace {

using namespace testing;
using kube::Json;

std::string read(std::string_view query) {
  const auto question = parse_plan_question(query);
  if (!question) return question.error().message;
  return question->ns + "/" + question->name + " " + (question->replicas ? std::to_string(*question->replicas) : "-");
}

TEST_CASE("what is asked for a plan") {
  struct Query {
    const char* query;
    const char* read;
  };
  const Query rows[] = {
      {"namespace=prod&name=edge&replicas=3", "prod/edge 3"},
      {"name=edge&namespace=prod", "prod/edge -"},
      {"namespace=pr%6Fd&name=edge&replicas=0", "prod/edge 0"},
      {"namespace=prod&name=", "namespace and name say which RealtimeGateway is meant"},
      {"", "namespace and name say which RealtimeGateway is meant"},
      {"namespace=a&name=b&replicas=-1", "replicas: a whole number from 0 to 10000 is wanted"},
      {"namespace=a&name=b&replicas=10001", "replicas: a whole number from 0 to 10000 is wanted"},
      {"namespace=a&name=b&replicas=3x", "replicas: a whole number from 0 to 10000 is wanted"},
      {"namespace=a&name=b&replicas=", "replicas: a whole number from 0 to 10000 is wanted"},
      {"namespace=%zz", "namespace: not percent-encoded as a URL has it"},
      {"namespace=a%4", "namespace: not percent-encoded as a URL has it"},
      {"name=b&surge=1", "there is no parameter named surge: namespace, name, replicas"},
  };
  for (const Query& row : rows) {
    CAPTURE(row.query);
    CHECK(read(row.query) == row.read);
  }
  CHECK(read(std::string(2000, 'a')) == "the query is longer than 1024 bytes");
}

Json explain(const GatewaySpec& spec, const Observed& seen, std::optional<int> replicas) {
  return explain_plan({spec, seen}, replicas, kNoon);
}

TEST_CASE("a plan explained") {
  const Observed seen = fleet({serving("a", 30'000) | stale(4s), serving("b", 10'000), serving("c", 20'000)});
  const Json plan = explain(spec_of(3), seen, 2);
  CHECK(plan["replicas"] == Json{{"spec", 3}, {"asked", 2}, {"serving", 3}, {"draining", 0}, {"after", 2}});
  REQUIRE(plan["drains"].size() == 1);
  CHECK(plan["drains"][0]["pod"] == "b");
  CHECK(plan["drains"][0]["reason"] == "ScaleDown");
  CHECK(plan["drains"][0]["cost"] == 10'000);
  CHECK(plan["drains"][0]["runnerUp"] == "c");
  CHECK(plan["drains"][0]["runnerUpCost"] == 20'000);
  CHECK(plan["drains"][0]["outcome"] == "drained");
  CHECK(plan["rounds"] == 1);
  CHECK(plan["connectionsMoved"] == 10'000);
  CHECK(plan["connectionsCut"] == 0);
  CHECK(plan["budget"]["perSecondNow"] == 600);
  CHECK(plan["duration"] == "45s");
  CHECK(plan["capacity"]["perPodAfter"] == 30'000);
  CHECK(plan["capacity"]["headroom"] == 120'000);
  CHECK(plan["knowledge"]["oldestState"] == "4s");
  CHECK(plan["blockedBy"].empty());
}

TEST_CASE("a plan says what is in its way") {
  const Observed seen = fleet({serving("a", 30'000), serving("b", 10'000), serving("c", 20'000)});
  GatewaySpec frozen = spec_of(3);
  frozen.drain_freeze = true;
  GatewaySpec small = spec_of(3);
  small.capacity.connections_per_pod = 31'000;
  struct Case {
    const char* name;
    GatewaySpec spec;
    Observed seen;
    const char* block;
  };
  const Case cases[] = {
      {"frozen", frozen, seen, "spec.drainFreeze: no drain begins, and running ones stand still"},
      {"deleting", spec_of(3), seen | deleting, "the gateway is being deleted: spec.replicas does not matter any more"},
      {"guard", small, seen,
       "capacity guard: 60000 connections would be 30000 on each of 2 remaining pods, and 27900 is the most (90% of "
       "capacity.connectionsPerPod); a drain waits for that"},
  };
  for (const Case& row : cases) {
    CAPTURE(row.name);
    const Json plan = explain(row.spec, row.seen, 2);
    REQUIRE(plan["blockedBy"].size() == 1);
    CHECK(plan["blockedBy"][0] == row.block);
  }
}

TEST_CASE("answers to questions for a plan") {
  const auto nobody = [](const std::string&) { return std::optional<PlanBasis>(); };
  const auto edge = [](const std::string& key) {
    return key == "default/edge" ? std::optional(PlanBasis{spec_of(1), fleet({serving("a", 3)})}) : std::nullopt;
  };
  const PlanAnswer good = answer_plan("namespace=default&name=edge", edge, kNoon);
  CHECK(good.status == 200);
  CHECK(Json::parse(good.body)["replicas"]["asked"] == 1);
  const PlanAnswer unknown = answer_plan("namespace=default&name=edge", nobody, kNoon);
  CHECK(unknown.status == 404);
  CHECK(Json::parse(unknown.body)["reason"] == "NotFound");
  const PlanAnswer bad = answer_plan("name=edge", edge, kNoon);
  CHECK(bad.status == 400);
  CHECK(Json::parse(bad.body)["message"] == "namespace and name say which RealtimeGateway is meant");
}

}  // namespace
}  // namespace sluice::op
