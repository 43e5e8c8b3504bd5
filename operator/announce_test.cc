#include "operator/announce.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

const WallTime kNow = *parse_rfc3339("2026-11-23T10:00:00Z");
const DrainRecord kRecord{DrainReason::kScaleDown, kNow, kNow + 30min};

}  // namespace

TEST_CASE("events tell the story of a drain") {
  StartDrain start{.pod = {"edge-abcde", "u", "1", ""},
                   .record = kRecord,
                   .connections = 812,
                   .cost = 812,
                   .chosen = true,
                   .why = "it is of an old revision",
                   .runner_up = "edge-fghjk",
                   .runner_up_connections = 1,
                   .runner_up_cost = 1};
  CHECK(
      victim_selected(start).note ==
      "edge-abcde goes (ScaleDown): it is of an old revision; it has 812 connections; next would have been edge-fghjk "
      "with 1 connection");
  start.runner_up_cost = 900;
  CHECK(
      victim_selected(start).note ==
      "edge-abcde goes (ScaleDown): it is of an old revision; it has 812 connections; next would have been edge-fghjk "
      "with 1 connection that cost 900 to move");
  start.why.clear();
  start.runner_up.clear();
  start.connections.reset();
  CHECK(victim_selected(start).note ==
        "edge-abcde goes (ScaleDown): it has an unknown number of connections; there was no other candidate");
  start.connections = 812;
  CHECK(drain_started(start, GatewaySpec{}).note ==
        "edge-abcde has left the endpoints; its 812 connections are moved from 2026-11-23T10:00:15Z on, until "
        "2026-11-23T10:30:00Z at the latest");

  DeletePod removed{.pod = {"edge-abcde", "u", "1", ""},
                    .reason = DeleteReason::kDrained,
                    .record = kRecord,
                    .initial = 812,
                    .connections = 0};
  CHECK(drain_ended(removed, kNow + 21s)->note == "edge-abcde is empty and is deleted: 812 connections moved in 21s");
  CHECK(drain_ended(removed, kNow)->reason == "DrainCompleted");
  CHECK_FALSE(budget_exceeded(removed));

  removed.reason = DeleteReason::kTimedOut;
  removed.connections = 40;
  CHECK(drain_ended(removed, kNow)->reason == "DrainTimedOut");
  CHECK(budget_exceeded(removed)->note ==
        "the deadline of edge-abcde closes 40 connections at once, beyond the reconnect budget");
  removed.connections = 0;
  CHECK_FALSE(budget_exceeded(removed));
  removed.connections.reset();
  CHECK(budget_exceeded(removed));

  CHECK(drain_cancelled({start.pod, false, "its node is in use again"}).note ==
        "edge-abcde is taken back: its node is in use again");
  removed.record.reset();
  CHECK_FALSE(drain_ended(removed, kNow));
}

TEST_CASE("what has become of a pod is said in one sentence") {
  const PodRef pod{"a", "uid-a", "7", "a:9901"};
  const HealthRecord out{.event = HealthEvent::kConnectionLost, .severity = 5, .phase = HealthPhase::kOffline};
  HealthRecord pending = out;
  pending.phase = HealthPhase::kPendingRejoin;
  const auto kicked = health_news({pod, out, HealthNews::kKicked, "its container keeps ending"}, std::nullopt);
  REQUIRE(kicked);
  CHECK(kicked->warning);
  CHECK(kicked->reason == "NodeStatusChanged");
  CHECK(kicked->note == "a: Active -> Offline (ConnectionLost, severity 5): its container keeps ending");
  CHECK(health_news({pod, pending, HealthNews::kRejoining, "3 probes"}, out)->note ==
        "a: Offline -> PendingRejoin: 3 probes");
  CHECK(health_news({pod, out, HealthNews::kRelapsed, "no answer"}, pending)->note ==
        "a: PendingRejoin -> Offline (ConnectionLost, severity 5): no answer");
  const auto back = health_news({pod, std::nullopt, HealthNews::kBack, "it held"}, pending);
  CHECK(back->note == "a: PendingRejoin -> Active: it held");
  CHECK_FALSE(back->warning);
  CHECK_FALSE(health_news({pod, pending, HealthNews::kGrows, ""}, pending));
  GatewaySpec spec;
  CHECK(
      rebalance_began({"a", "b"}, spec).note ==
      "a, b are more than 25% above the mean: new connections go to the others, and connections that understand hints "
      "move there");
}

TEST_CASE("a step that was passed by without being judged is told as such") {
  GatewaySpec spec;
  spec.rollout.canary.steps = {{.percent = 10, .hold = 10min}, {.percent = 50, .hold = 5min}};
  CanaryDecision decision;
  decision.progress = {.revision = "new", .step = 1, .phase = CanaryPhase::kMaking, .since = kNow, .message = {}};
  decision.news = CanaryNews::kPassed;
  CHECK(canary_news(decision, spec)->note == "step 1 of 2 of revision new has passed");
  decision.unjudged = "ResumeSuccess lacks 500 samples on the new pods (minSamples: 500)";
  CHECK(canary_news(decision, spec)->note ==
        "step 1 of 2 of revision new has passed, not judged: ResumeSuccess lacks 500 samples on the new pods "
        "(minSamples: 500)");
}

}  // namespace sluice::op
