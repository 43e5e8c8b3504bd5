#include "operator/status.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using kube::Json;

const WallTime kNow = *parse_rfc3339("2026-11-23T10:00:00Z");

Json gateway() {
  return Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1","generation":4}})");
}

PodView pod_with(const char* name, std::int64_t connections) {
  PodView pod;
  pod.name = name;
  pod.uid = std::string("uid-") + name;
  pod.revision = "new";
  pod.ready = true;
  pod.ready_since = kNow - 1h;
  pod.state = GatewayState{.connections = connections, .drain = std::nullopt};
  return pod;
}

PodView draining(PodView pod, Duration since, std::optional<double> rate) {
  pod.drain_annotated = true;
  pod.drain = DrainRecord{DrainReason::kScaleDown, kNow - since, kNow - since + 30min};
  if (rate) {
    pod.state->drain = GatewayDrain{.started_at = kNow - since,
                                    .reason = "ScaleDown",
                                    .deadline = pod.drain->deadline,
                                    .initial = 800,
                                    .remaining = pod.state->connections,
                                    .rate = *rate};
    pod.rate_possible = *rate;
  }
  return pod;
}

Observed fleet(std::vector<PodView> pods) {
  Observed seen;
  seen.name = "edge";
  seen.finalized = true;
  seen.revision = "new";
  seen.pods = std::move(pods);
  return seen;
}

GatewaySpec spec_of(int replicas) {
  GatewaySpec spec;
  spec.replicas = replicas;
  return spec;
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
  PodView old = pod_with("d", 100);
  old.revision = "old";
  PodView fresh = pod_with("e", 7);
  fresh.ready_since = kNow - 2s;
  PodView starting = pod_with("f", 0);
  starting.ready = false;
  PodView going = pod_with("g", 55);
  going.terminating = true;
  PodView failed = pod_with("h", 55);
  failed.finished = true;
  const Json status =
      compute_status(gateway(), spec_of(4),
                     fleet({old, fresh, starting, going, failed, draining(pod_with("i", 400), 20s, 200.0)}), {}, kNow);
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
  PodView unheard = pod_with("b", 0);
  unheard.state.reset();
  unheard.address = "127.0.0.1:9901";
  const auto connections = [&](const PodView& pod) {
    return compute_status(known, spec_of(2), fleet({pod_with("a", 400), pod}), {}, kNow)["connections"];
  };
  CHECK(connections(unheard)["active"] == 812);
  PodView silent = unheard;
  silent.failure_age = 1s;
  CHECK(connections(silent)["active"] == 400);
  PodView starting = unheard;
  starting.container = ContainerState::kNeverStarted;
  CHECK(connections(starting)["active"] == 400);
}

TEST_CASE("the current revision follows once every pod has") {
  PodView old = pod_with("a", 1);
  old.revision = "old";
  Json known = gateway();
  known["status"]["currentRevision"] = "older";
  CHECK(compute_status(known, spec_of(2), fleet({old, pod_with("b", 1)}), {}, kNow)["currentRevision"] == "older");
  CHECK(compute_status(known, spec_of(2), fleet({pod_with("b", 1)}), {}, kNow)["currentRevision"] == "new");
  CHECK(compute_status(gateway(), spec_of(2), fleet({}), {}, kNow)["currentRevision"] == "new");
}

TEST_CASE("conditions say what is going on") {
  PodView old = pod_with("o", 1);
  old.revision = "old";
  PodView starting = pod_with("s", 0);
  starting.ready = false;
  Observed going = fleet({pod_with("a", 1)});
  going.deleting = true;
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
      {"at target", 1, fleet({pod_with("a", 1)}), {}, "True", "False", "AtTarget"},
      {"one may be missing", 2, fleet({pod_with("a", 1)}), {}, "True", "True", "ScalingUp"},
      {"two may not", 3, fleet({pod_with("a", 1)}), {}, "False", "True", "ScalingUp"},
      {"too many", 1, fleet({pod_with("a", 1), pod_with("b", 1)}), {}, "True", "True", "ScalingDown"},
      {"starting: the only pod may not be missing", 1, fleet({starting}), {}, "False", "True", "WaitingForPods"},
      {"nothing asked for", 0, fleet({}), {}, "True", "False", "AtTarget"},
      {"rolling", 2, fleet({pod_with("a", 1), old}), {}, "True", "True", "RollingOut"},
      {"draining", 1, fleet({pod_with("a", 1), draining(pod_with("b", 1), 1s, {})}), {}, "True", "True", "Draining"},
      {"deleting", 1, going, {}, "True", "True", "Deleting"},
      {"a problem", 1, fleet({}), {"TemplateRefused", "spec.x: Required value"}, "False", "False", "TemplateRefused"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json status = compute_status(gateway(), spec_of(row.replicas), row.seen, row.problem, kNow);
    CHECK(condition(status, "Available")["status"] == row.available);
    CHECK(condition(status, "Progressing")["status"] == row.progressing);
    CHECK(condition(status, "Progressing")["reason"] == row.reason);
  }
}

TEST_CASE("a condition keeps the time of its last transition") {
  Json known = gateway();
  known["status"] = compute_status(gateway(), spec_of(1), fleet({pod_with("a", 1)}), {}, kNow - 30min);
  const Json same = compute_status(known, spec_of(1), fleet({pod_with("a", 1)}), {}, kNow);
  CHECK(same == known["status"]);
  const Json changed = compute_status(known, spec_of(5), fleet({pod_with("a", 1)}), {}, kNow);
  CHECK(condition(changed, "Available")["lastTransitionTime"] == "2026-11-23T10:00:00Z");
  CHECK(condition(changed, "Draining")["lastTransitionTime"] == "2026-11-23T09:30:00Z");
}

TEST_CASE("drains are listed, oldest first, with phase, rate and time to go") {
  const Json status = compute_status(
      gateway(), spec_of(1),
      fleet({pod_with("a", 1), draining(pod_with("b", 10'000), 5s, {}), draining(pod_with("c", 10'000), 20s, 200.0)}),
      {}, kNow);
  REQUIRE(status["drains"].size() == 2);
  const Json& evicting = status["drains"][0];
  CHECK(evicting["pod"] == "c");
  CHECK(evicting["phase"] == "Evicting");
  CHECK(evicting["initial"] == 800);
  CHECK(evicting["remaining"] == 10'000);
  CHECK(evicting["rate"] == 200);
  CHECK(evicting["eta"] == "50s");
  CHECK(evicting["deadline"] == "2026-11-23T10:29:40Z");
  const Json& propagating = status["drains"][1];
  CHECK(propagating["phase"] == "Propagating");
  CHECK(propagating["eta"] == "40s");  // 10 s of propagation and 30 s of jitter are left
  CHECK_FALSE(propagating.contains("rate"));
  CHECK(condition(status, "Draining")["status"] == "True");
  CHECK(condition(status, "Draining")["message"] ==
        "c is Evicting (ScaleDown) until 2026-11-23T10:29:40Z at the latest, and 1 more");
}

TEST_CASE("the list of drains is bounded") {
  std::vector<PodView> pods;
  for (int i = 0; i < 40; ++i) pods.push_back(draining(pod_with(("p" + std::to_string(i)).c_str(), 1), 1s, {}));
  const Json status = compute_status(gateway(), spec_of(1), fleet(pods), {}, kNow);
  CHECK(status["drains"].size() == 16);
  CHECK(status["drainingReplicas"] == 40);
}

TEST_CASE("counts alone are no reason to write at once") {
  const auto status_at = [](std::int64_t left, std::optional<double> rate, const char* name, int replicas = 1) {
    return compute_status(gateway(), spec_of(replicas),
                          fleet({pod_with("a", left), draining(pod_with(name, left), 20s, rate)}), {}, kNow);
  };
  CHECK_FALSE(differs_beyond_counts(status_at(500, 100, "b"), status_at(400, 90, "b")));
  CHECK(differs_beyond_counts(status_at(500, 100, "b"), status_at(500, 100, "c")));
  CHECK(differs_beyond_counts(status_at(500, 100, "b"), status_at(500, 100, "b", 4)));
  CHECK(differs_beyond_counts(status_at(500, std::nullopt, "b"), status_at(500, 100, "b")));
  CHECK(differs_beyond_counts(Json(), status_at(1, 1, "b")));
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

}  // namespace sluice::op
