#include "operator/status.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

using kube::Json;

Json gateway() {
  return Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1","generation":4}})");
}

const Json& condition(const Json& status, const char* type) {
  for (const Json& entry : status["conditions"]) {
    if (entry["type"] == type) return entry;
  }
  FAIL("no condition ", type);
  return status;
}

}  // namespace

TEST_CASE("the counts of a status") {
  const Json status =
      compute_status(gateway(), spec_of(4),
                     fleet({serving("d", 100) | old_revision, serving("e", 7) | young, serving("f") | unready,
                            serving("g", 55) | terminating, serving("h", 55) | failed,
                            serving("i", 400) | draining(20s) | evicting(200)}),
                     {}, {}, kNoon);
  CHECK(status["observedGeneration"] == 4);
  CHECK(status["replicas"] == 3);  // d, e, f: neither draining nor going
  CHECK(status["readyReplicas"] == 2);
  CHECK(status["availableReplicas"] == 1);
  CHECK(status["updatedReplicas"] == 2);
  CHECK(status["drainingReplicas"] == 1);
  CHECK(status["connections"]["active"] == 107);
  CHECK(status["connections"]["draining"] == 400);
  CHECK(status["connections"]["summary"] == "507");
  CHECK(status["selector"] == "sluice.dev/gateway=edge,sluice.dev/state in (active,gray)");
  CHECK(status["updateRevision"] == "new");
  CHECK(status["currentRevision"] == "old");
}

TEST_CASE("a new leader that has not asked everybody yet tells no zero") {
  Json known = gateway();
  known["status"]["connections"] = {{"active", 812}, {"draining", 0}, {"summary", "812"}};
  const PodView unheard_pod = serving("b") | unheard;
  const auto connections = [&](const PodView& pod) {
    return compute_status(known, spec_of(2), fleet({serving("a", 400), pod}), {}, {}, kNoon)["connections"];
  };
  CHECK(connections(unheard_pod)["active"] == 812);
  CHECK(connections(unheard_pod | unreachable)["active"] == 400);
  CHECK(connections(unheard_pod | pending)["active"] == 400);
}

TEST_CASE("the current revision follows once every pod has") {
  const PodView old = serving("a", 1) | old_revision;
  Json known = gateway();
  known["status"]["currentRevision"] = "older";
  CHECK(compute_status(known, spec_of(2), fleet({old, serving("b", 1)}), {}, {}, kNoon)["currentRevision"] == "older");
  CHECK(compute_status(known, spec_of(1), fleet({serving("b", 1)}), {}, {}, kNoon)["currentRevision"] == "new");
  CHECK(compute_status(gateway(), spec_of(2), fleet({}), {}, {}, kNoon)["currentRevision"] == "new");
  // Pods that are gone say nothing: what is missing may have to be made of the one before.
  CHECK(compute_status(known, spec_of(2), fleet({}), {}, {}, kNoon)["currentRevision"] == "older");
  const Observed refused = fleet({}) | [](Observed& seen) { seen.template_error = "no"; };
  CHECK(compute_status(known, spec_of(0), refused, {}, {}, kNoon)["currentRevision"] == "older");
  CHECK(compute_status(known, spec_of(0), fleet({}), {}, {}, kNoon)["currentRevision"] == "new");
  // A step that is judged may cover the whole fleet; a partition keeps its part.
  Plan plan;
  plan.canary.progress = {.revision = "new", .phase = CanaryPhase::kHolding, .since = kNoon, .message = {}};
  CHECK(compute_status(known, spec_of(1), fleet({serving("b", 1)}), plan, {}, kNoon)["currentRevision"] == "older");
  plan.canary.progress.phase = CanaryPhase::kDone;
  plan.rollout.former_kept = 1;
  CHECK(compute_status(known, spec_of(1), fleet({serving("b", 1)}), plan, {}, kNoon)["currentRevision"] == "older");
}

TEST_CASE("conditions say what is going on") {
  const PodView old = serving("o", 1) | old_revision;
  const PodView starting = serving("s") | unready;
  const Observed going = fleet({serving("a", 1)}) | deleting;
  struct Row {
    const char* name;
    int replicas;
    Observed seen;
    Problem problem;
    const char* available;
    const char* progressing;
    const char* reason;
  };
  const Row rows[] = {
      {"at target", 1, fleet({serving("a", 1)}), {}, "True", "False", "AtTarget"},
      {"one may be missing", 2, fleet({serving("a", 1)}), {}, "True", "True", "ScalingUp"},
      {"two may not", 3, fleet({serving("a", 1)}), {}, "False", "True", "ScalingUp"},
      {"too many", 1, fleet({serving("a", 1), serving("b", 1)}), {}, "True", "True", "ScalingDown"},
      {"starting: the only pod may not be missing", 1, fleet({starting}), {}, "False", "True", "WaitingForPods"},
      {"nothing asked for", 0, fleet({}), {}, "True", "False", "AtTarget"},
      {"rolling", 2, fleet({serving("a", 1), old}), {}, "True", "True", "RollingOut"},
      {"draining", 1, fleet({serving("a", 1), serving("b", 1) | draining(1s)}), {}, "True", "True", "Draining"},
      {"deleting", 1, going, {}, "True", "True", "Deleting"},
      {"a problem", 1, fleet({}), {"TemplateRefused", "spec.x: Required value"}, "False", "False", "TemplateRefused"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json status = compute_status(gateway(), spec_of(row.replicas), row.seen, {}, row.problem, kNoon);
    CHECK(condition(status, "Available")["status"] == row.available);
    CHECK(condition(status, "Progressing")["status"] == row.progressing);
    CHECK(condition(status, "Progressing")["reason"] == row.reason);
  }
}

TEST_CASE("a condition keeps the time of its last transition") {
  Json known = gateway();
  known["status"] = compute_status(gateway(), spec_of(1), fleet({serving("a", 1)}), {}, {}, kNoon - 30min);
  const Json same = compute_status(known, spec_of(1), fleet({serving("a", 1)}), {}, {}, kNoon);
  CHECK(same == known["status"]);
  const Json changed = compute_status(known, spec_of(5), fleet({serving("a", 1)}), {}, {}, kNoon);
  CHECK(condition(changed, "Available")["lastTransitionTime"] == "2026-11-23T12:00:00Z");
  CHECK(condition(changed, "Draining")["lastTransitionTime"] == "2026-11-23T11:30:00Z");
}

TEST_CASE("drains are listed, oldest first, with phase, rate and time to go") {
  const Json status = compute_status(gateway(), spec_of(1),
                                     fleet({serving("a", 1), serving("b", 10'000) | draining(5s),
                                            serving("c", 10'000) | draining(20s) | evicting(200)}),
                                     {}, {}, kNoon);
  REQUIRE(status["drains"].size() == 2);
  const Json& evicting = status["drains"][0];
  CHECK(evicting["pod"] == "c");
  CHECK(evicting["phase"] == "Evicting");
  CHECK(evicting["initial"] == 800);
  CHECK(evicting["remaining"] == 10'000);
  CHECK(evicting["rate"] == 200);
  CHECK(evicting["eta"] == "50s");
  CHECK(evicting["deadline"] == "2026-11-23T12:29:40Z");
  const Json& propagating = status["drains"][1];
  CHECK(propagating["phase"] == "Propagating");
  CHECK(propagating["eta"] == "1m55s");  // 10 s of propagation, then its half of the budget: 1.05 * 10,000 / 100 s
  CHECK_FALSE(propagating.contains("rate"));
  CHECK(condition(status, "Draining")["status"] == "True");
  CHECK(condition(status, "Draining")["message"] ==
        "c is Evicting (ScaleDown) with 10k connections left until 2026-11-23T12:29:40Z at the latest, and 1 more");
}

TEST_CASE("the time to go is told as far as it can be known") {
  struct Eta {
    const char* name;
    PodView pod;
    const char* eta;
  };
  const Eta rows[] = {
      {"propagating: the jitter is the least", serving("b", 10) | draining(5s), "40s"},
      {"propagating: the whole budget for the only drain", serving("b", 20'000) | draining(5s), "1m55s"},
      {"propagating: but no later than the deadline", serving("b", 1'000'000) | draining(5s), "29m55s"},
      {"propagating: nobody knows how many there are", serving("b") | draining(5s) | unheard, "29m55s"},
      {"evicting at a rate", serving("b", 10'000) | draining(20s) | evicting(200), "50s"},
      {"evicting: the jitter is the least", serving("b", 10) | draining(20s) | evicting(200), "25s"},
      {"evicting without a rate: the deadline", serving("b", 10'000) | draining(20s), "29m40s"},
      {"evicting, not heard by this leader yet: the deadline",
       serving("b", 10'000) | draining(20s) | recorded(200) | unheard, "29m40s"},
      {"empty", serving("b") | draining(60s) | evicting(200), "0s"},
      {"past its deadline", serving("b", 10) | draining(31min) | evicting(200), "0s"},
  };
  for (const Eta& row : rows) {
    CAPTURE(row.name);
    const Json status = compute_status(gateway(), spec_of(1), fleet({serving("a", 1), row.pod}), {}, {}, kNoon);
    CHECK(status["drains"][0]["eta"] == row.eta);
  }
}

TEST_CASE("the list of drains is bounded") {
  std::vector<PodView> pods;
  pods.reserve(40);
  for (int i = 0; i < 40; ++i) pods.push_back(serving(("p" + std::to_string(i)).c_str(), 1) | draining(1s));
  const Json status = compute_status(gateway(), spec_of(1), fleet(pods), {}, {}, kNoon);
  CHECK(status["drains"].size() == 16);
  CHECK(status["drainingReplicas"] == 40);
}

TEST_CASE("counts alone are no reason to write at once") {
  const auto status_at = [](std::int64_t left, std::optional<double> rate, const char* name, int replicas = 1) {
    PodView pod = serving(name, left) | draining(20s);
    if (rate) pod = pod | evicting(*rate);
    return compute_status(gateway(), spec_of(replicas), fleet({serving("a", left), pod}), {}, {}, kNoon);
  };
  CHECK(status_news(status_at(500, 100, "b"), status_at(400, 90, "b")) == StatusNews::kCounts);
  CHECK(status_news(status_at(500, 100, "b"), status_at(500, 100, "c")) != StatusNews::kCounts);
  CHECK(status_news(status_at(500, 100, "b"), status_at(500, 100, "b", 4)) != StatusNews::kCounts);
  CHECK(status_news(status_at(500, std::nullopt, "b"), status_at(500, 100, "b")) != StatusNews::kCounts);
  CHECK(status_news(Json(), status_at(1, 1, "b")) != StatusNews::kCounts);
  // Nor are the sentences that name them.
  Json before = status_at(500, 100, "b");
  Json after = before;
  after["conditions"][0]["message"] = "another one";
  after["rollout"]["message"] = "12 samples";
  CHECK(status_news(before, after) == StatusNews::kCounts);
  after["conditions"][0]["reason"] = "Another";
  CHECK(status_news(before, after) != StatusNews::kCounts);
}

TEST_CASE("counts in short") {
  struct Row {
    std::int64_t count;
    const char* text;
    std::int64_t rounded;
  };
  const Row rows[] = {{0, "0", 0},
                      {812, "812", 812},
                      {999, "999", 999},
                      {1000, "1k", 1000},
                      {9'849, "9.9k", 9'850},
                      {10'449, "10k", 10'400},
                      {481'234, "481k", 481'000},
                      {999'900, "1M", 1'000'000},
                      {1'234'567, "1.2M", 1'230'000}};
  for (const Row& row : rows) {
    CAPTURE(row.count);
    CHECK(short_count(row.count) == row.text);
    CHECK(rounded_count(row.count) == row.rounded);
  }
}

TEST_CASE("pods that are out are no replicas, and are listed with what they wait for") {
  const PodView offline = serving("b", 20) | out(HealthPhase::kOffline, 10s) | unready;
  const PodView gray = serving("a", 5) | out(HealthPhase::kGrayTraffic, 5s, 40);
  const Json status = compute_status(gateway(), spec_of(4),
                                     fleet({gray, offline, serving("c", 100), serving("d", 100)}), {}, {}, kNoon);
  CHECK(status["replicas"] == 3);
  CHECK(status["readyReplicas"] == 3);
  CHECK(status["availableReplicas"] == 3);
  CHECK(status["updatedReplicas"] == 3);
  CHECK(status["connections"]["active"] == 225);
  CHECK(status["offline"] == Json::parse(R"([
    {"pod":"b","uid":"uid-b","event":"HeartbeatTimeout","severity":3,"phase":"Offline","since":"2026-11-23T11:58:50Z",
     "phaseSince":"2026-11-23T11:59:50Z","waitsFor":"3 probes in a row; replaced after 2026-11-23T12:03:50Z"},
    {"pod":"a","uid":"uid-a","event":"HeartbeatTimeout","severity":3,"phase":"GrayTraffic","since":"2026-11-23T11:58:55Z",
     "phaseSince":"2026-11-23T11:59:55Z","percent":40,"waitsFor":"handshakes that hold at 40% of the rate of arrivals"}])"));
  CHECK(condition(status, "PodsOffline")["status"] == "True");
  CHECK(condition(status, "PodsOffline")["message"] ==
        "b is Offline, out since 2026-11-23T11:58:50Z (HeartbeatTimeout, severity 3), and waits for 3 probes in a row; "
        "replaced after 2026-11-23T12:03:50Z; and 1 more");
  Plan held;
  held.kicks_held = "e stays";
  const Json well = compute_status(gateway(), spec_of(1), fleet({serving("c")}), {}, {}, kNoon);
  CHECK(well["offline"] == Json::array());
  CHECK(condition(well, "PodsOffline")["reason"] == "NoneOffline");
  const Json stays = compute_status(gateway(), spec_of(1), fleet({serving("c")}), held, {}, kNoon);
  CHECK(condition(stays, "PodsOffline")["status"] == "False");
  CHECK(condition(stays, "PodsOffline")["message"] == "e stays");
}

TEST_CASE("the lists of pods that are out or relieved are bounded") {
  std::vector<PodView> pods;
  Plan plan;
  for (int i = 0; i < 40; ++i) {
    pods.push_back(serving(("p" + std::to_string(i)).c_str()) | out(HealthPhase::kOffline));
    plan.rebalanced.insert(pods.back().uid);
  }
  const Json status = compute_status(gateway(), spec_of(40), fleet(pods), plan, {}, kNoon);
  CHECK(status["offline"].size() == kStatusOfflineMax);
  CHECK(status["rebalance"]["pods"].size() == kStatusOfflineMax);
  CHECK(status["rebalance"]["phase"] == "Move");
}

TEST_CASE("numbers of pods are less than an event, and more than counts") {
  const auto status = [](int ready, int generation, const char* phase, int connections) {
    return Json{{"readyReplicas", ready},
                {"observedGeneration", generation},
                {"rollout", {{"phase", phase}}},
                {"connections", {{"active", connections}}}};
  };
  CHECK(status_news(status(1, 1, "a", 5), status(1, 1, "a", 6)) == StatusNews::kCounts);
  CHECK(status_news(status(1, 1, "a", 5), status(2, 1, "a", 6)) == StatusNews::kReplicas);
  CHECK(status_news(status(1, 1, "a", 5), status(1, 2, "a", 5)) == StatusNews::kEvent);
  CHECK(status_news(status(1, 1, "a", 5), status(2, 1, "b", 5)) == StatusNews::kEvent);
}

}  // namespace sluice::op
