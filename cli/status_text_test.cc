#include "cli/status_text.h"

#include <doctest/doctest.h>

#include "cli/test_objects.h"
#include "cli/text_width.h"

namespace sluice::cli {
namespace {

using namespace testing;
using kube::Json;

FleetView edge(double draining_connections = 250) {
  return merge_fleet(gateway(), {object(pod_json("aaaaa")), object(draining_json())},
                     {{"a", figure(700)}, {"d", figure(draining_connections)}}, {}, kNoon);
}

TEST_CASE("a fleet for a person") {
  const std::vector<std::string> lines = status_lines(edge(), {}, false, kNoon);
  const std::vector<std::string> expected = {
      "prod/edge  3 wanted, 3 serving, 2 ready, 2 updated, 1 draining, 950 connections, rollout Canary 40%",
      "  ScaleDownBlocked  CapacityGuard: no room (for 10m)",
      "  Progressing       RollingOut: 2 of 3 pods are of revision new (for 5m)",
      "  Draining          PodsDraining: edge-ddddd is Evicting (Rollout) (for 60s)",
      "",
      "POD          STATE      READY   CONNS   DRAIN                                    RATE   ETA   REVISION   NODE   "
      "AGE",
      "edge-ddddd   draining   yes       250   Evicting ##################------  75%   20/s   13s   old        n1     "
      "60m",
      "edge-aaaaa   active     yes       700   -                                           -     -   new        n1     "
      "60m"};
  CHECK(lines == expected);
}

TEST_CASE("no line is wider than the terminal, and no frame higher") {
  for (const int width : {20, 40, 69, 80, 120, 200}) {
    for (const bool unicode : {false, true}) {
      CAPTURE(width);
      for (const std::string& line : status_lines(edge(), {.width = width, .unicode = unicode}, true, kNoon)) {
        CHECK(display_width(line) <= std::max(width, 40));
      }
    }
  }
  const auto few = status_lines(edge(), {}, false, kNoon, 7);
  CHECK(few.size() == 7);
  CHECK(few.back() == "and 2 lines more");
}

TEST_CASE("a sentence takes as many lines as it needs") {
  Json owner = gateway();
  owner["status"]["conditions"] =
      Json::array({{{"type", "Progressing"},
                    {"status", "False"},
                    {"reason", "CreateFailed"},
                    {"message", "pods is forbidden: exceeded quota: small, requested: pods=1"}}});
  const auto lines = status_lines(merge_fleet(owner, {}, {}, {}, kNoon), {.width = 60}, false, kNoon);
  CHECK(lines[1] == "  Progressing       CreateFailed: pods is forbidden:");
  CHECK(lines[2] == "                    exceeded quota: small, requested: pods=1");
  CHECK(lines.back() == "  no pods");
}

TEST_CASE("what a message holds steers no terminal") {
  Json owner = gateway();
  owner["status"]["conditions"][1]["message"] = "evil \x1b[2J";
  for (const std::string& line : status_lines(merge_fleet(owner, {}, {}, {}, kNoon), {}, false, kNoon)) {
    CHECK(line.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("where there is no terminal only what has changed is told") {
  CHECK(status_changes(edge(), edge(), kNoon + 1min).empty());
  const auto lines = status_changes(edge(), edge(240), kNoon);
  REQUIRE(lines.size() == 1);
  CHECK(lines.front().find("edge-ddddd") == 0);
  FleetView gone = edge();
  gone.pods.erase(gone.pods.begin());
  CHECK(status_changes(edge(), gone, kNoon).back() == "edge-ddddd is gone");
}

TEST_CASE("a fleet for a program") {
  const Json json = status_json(edge());
  CHECK(json["kind"] == "FleetStatus");
  CHECK(json["metadata"] == Json{{"namespace", "prod"}, {"name", "edge"}});
  CHECK(json["replicas"]["draining"] == 1);
  CHECK(json["pods"][0]["drain"] == Json{{"reason", "Rollout"},
                                         {"phase", "Evicting"},
                                         {"ratePerSecond", 20.0},
                                         {"initial", 1000},
                                         {"remaining", 250},
                                         {"percent", 75},
                                         {"eta", "13s"},
                                         {"deadline", "2026-11-23T12:20:00Z"}});
  CHECK_FALSE(json["pods"][1].contains("drain"));
  CHECK(json["conditions"][0]["attention"] == true);
}

}  // namespace
}  // namespace sluice::cli
