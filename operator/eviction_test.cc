#include "operator/eviction.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"
#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

using kube::Json;

Json eviction(const char* state, const char* report = "{}") {
  Json json = Json::parse(R"({"metadata":{"name":"e","namespace":"live","uid":"u-e","resourceVersion":"3",
                                          "labels":{"x":"y"}},
                              "spec":{"target":{"pod":{"name":"b","uid":"uid-b"}}},
                              "status":{"conditions":[{"type":"Failed"}],
                                        "targetResponders":[{"name":"imperative-eviction.k8s.io/evictor","state":"Active"}],
                                        "responders":[{"name":"imperative-eviction.k8s.io/evictor"}]}})");
  if (*state != '\0') json["status"]["targetResponders"].push_back({{"name", kEvictionResponder}, {"state", state}});
  Json entry = Json::parse(report);
  entry["name"] = kEvictionResponder;
  json["status"]["responders"].push_back(entry);
  return json;
}

}  // namespace

TEST_CASE("an eviction asks for a drain once it is our turn, until it is withdrawn") {
  struct Row {
    const char* state;
    bool asked;
    bool active;
  };
  const Row rows[] = {{"Inactive", false, false}, {"Active", true, true},     {"Interrupted", true, false},
                      {"Completed", true, false}, {"Canceled", false, false}, {"", false, false}};
  for (const Row& row : rows) {
    CAPTURE(row.state);
    Json json = eviction(row.state);
    slim_eviction(json);
    const EvictionView view = view_eviction(json);
    CHECK(view.asked == row.asked);
    CHECK(view.active == row.active);
    CHECK(view.pod_uid == "uid-b");
    CHECK(view.uid == "u-e");
    CHECK_FALSE(json["status"].contains("conditions"));
  }
}

TEST_CASE("an eviction that all who asked for it have withdrawn asks for nothing") {
  Json json = eviction("Active");
  json["status"]["requesters"] =
      Json::parse(R"([{"name":"a.io/a","intent":"Withdrawn"},{"name":"b.io/b","intent":"Eviction"}])");
  slim_eviction(json);
  CHECK(view_eviction(json).asked);
  json["status"]["requesters"][1]["intent"] = "Withdrawn";
  const EvictionView view = view_eviction(json);
  CHECK_FALSE(view.asked);
  const PodView back = serving("b", 400);
  const auto last = eviction_report(view, &back, nullptr, kNoon);
  REQUIRE(last);
  CHECK((*last)["message"] == "withdrawn: the pod stays");
  CHECK((*last)["completionTime"] == "2026-11-23T12:00:00Z");
}

TEST_CASE("an eviction hears of its drain every half minute") {
  const PodView b = serving("b", 400) | draining(20s, DrainReason::kEviction) | evicting(200);
  const Observed seen = fleet({serving("a"), b});
  const auto releases = releases_of(spec_of(1), seen, kNoon);
  REQUIRE(releases.size() == 1);
  const auto report = [&](const char* state, const char* before, const PodView* pod, const Release* release) {
    return eviction_report(view_eviction(eviction(state, before)), pod, release, kNoon);
  };
  const auto first = report("Active", "{}", &b, &releases[0]);
  REQUIRE(first);
  CHECK((*first)["heartbeatTime"] == "2026-11-23T12:00:00Z");
  CHECK((*first)["message"] == "Evicting: 400 connections left, until 2026-11-23T12:29:40Z at the latest");
  CHECK((*first)["expectedCompletionTime"] == "2026-11-23T12:00:25Z");
  CHECK_FALSE(first->contains("completionTime"));
  CHECK_FALSE(report("Active", R"({"heartbeatTime":"2026-11-23T11:59:31Z"})", &b, &releases[0]));
  CHECK(report("Active", R"({"heartbeatTime":"2026-11-23T11:59:30Z"})", &b, &releases[0]));
  CHECK_FALSE(report("Interrupted", "{}", &b, &releases[0]));
  CHECK_FALSE(report("Canceled", "{}", &b, &releases[0]));

  const PodView waits = serving("b", 400);
  CHECK((*report("Active", "{}", &waits, nullptr))["message"] == "a replacement is made first; then the pod drains");
  const PodView gone = serving("b", 0) | deleted(1s);
  const auto last = report("Active", R"({"heartbeatTime":"2026-11-23T11:59:59Z"})", &gone, nullptr);
  REQUIRE(last);
  CHECK((*last)["completionTime"] == "2026-11-23T12:00:00Z");
  CHECK_FALSE(report("Active", R"({"completionTime":"2026-11-23T11:59:59Z"})", &gone, nullptr));
}

TEST_CASE("a pod names the operator as its responder, beside the template's own") {
  Json pod = Json::parse(R"({"spec":{"containers":[]}})");
  add_eviction_responder(pod);
  CHECK(pod["spec"]["evictionResponders"] == Json::parse(R"([{"name":"sluice.dev/drain","priority":10000}])"));
  add_eviction_responder(pod);
  CHECK(pod["spec"]["evictionResponders"].size() == 1);
  pod["spec"]["evictionResponders"] = Json::parse(R"([{"name":"acme.io/backup","priority":20000}])");
  add_eviction_responder(pod);
  CHECK(pod["spec"]["evictionResponders"].size() == 2);
}

}  // namespace sluice::op
