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
                    .only_this_version = false,
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

}  // namespace sluice::op
