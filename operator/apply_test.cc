#include "operator/apply.h"

#include <doctest/doctest.h>

#include <mutex>

#include "common/base/duration_text.h"
#include "common/kube/fake_api.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/plan_drains.h"

namespace sluice::op {
namespace {

using kube::answer;
using kube::Json;

const WallTime kNow = *parse_rfc3339("2026-11-23T10:00:00Z");
const DrainRecord kRecord{DrainReason::kScaleDown, kNow - 20s, kNow + 30min};
const Json kGateway = Json::parse(
    R"({"apiVersion":"sluice.dev/v1alpha1","kind":"RealtimeGateway",
        "metadata":{"name":"edge","namespace":"live","uid":"owner","resourceVersion":"3"}})");

/// Gateways that answer each call as the test says.
class ScriptedAdmin final : public AdminApi {
 public:
  using Script = std::function<Result<GatewayState>(const AdminCall&)>;
  explicit ScriptedAdmin(Script script) : script_(std::move(script)) {}
  void call(AdminCall call, Done done) override {
    {
      const std::lock_guard lock(mutex_);
      ++calls_;
    }
    done(script_(call));
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  Script script_;
  std::mutex mutex_;
  int calls_ = 0;
};

Result<GatewayState> obeys(const AdminCall& call) {
  return GatewayState{
      .connections = 5,
      .drain = GatewayDrain{.reason = call.reason, .deadline = call.deadline, .rate = call.rate_per_second}};
}

/// One pod "a" of gateway "edge", and an Applier between an API server and gateways that say what the test wants.
struct Fixture {
  kube::FakeApi api;
  kube::Client client;
  kube::Client events_client;
  SystemClock clock;
  Random random{1};
  MetricsRegistry metrics;
  ScriptedAdmin admin;
  StateStore states;
  PodWrites pod_writes{clock};
  ObjectWrites gateway_writes{clock};
  kube::EventRecorder events{events_client, clock, random, "test", "test", nullptr};
  bool stopping = false;
  Applier applier{
      {client, admin, states, pod_writes, gateway_writes, events, clock, metrics, [this] { return stopping; }}};

  const std::string key = "live/edge";
  const PodRef pod{"a", "uid-a", "7", "127.0.0.1:9901"};
  const Json cached =
      Json::parse(R"({"metadata":{"name":"a","namespace":"live","uid":"uid-a","resourceVersion":"7"}})");
  GatewaySpec spec;
  Revision newest{.hash = "new", .pod_template = Json::object(), .default_image = "image"};
  std::optional<Revision> former;
  Observed seen;
  std::vector<PodPtr> pods{std::make_shared<const PodFacts>(facts_of(cached))};

  explicit Fixture(std::deque<std::string> answers, ScriptedAdmin::Script script = obeys)
      : api(std::move(answers)),
        client(api.config(), "test", nullptr),
        events_client(nobody(), "test", nullptr),
        admin(std::move(script)) {
    seen.ns = "live";
    seen.name = "edge";
    seen.uid = "owner";
    states.set_pods(key, {"uid-a"});
  }
  static kube::Config nobody() {
    kube::Config config;
    config.server = "http://127.0.0.1:1";
    return config;
  }
  Applied apply(const Plan& plan) { return applier.apply({key, kGateway, spec, seen, pods, newest, former}, plan); }
  PodFacts newest_pod() { return *pod_writes.newest(key, pods, "7").front(); }
};

Plan start_of(const PodRef& pod) {
  Plan plan;
  plan.start.push_back(
      {.pod = pod, .record = kRecord, .connections = 5, .cost = 5, .chosen = true, .why = {}, .runner_up = {}});
  return plan;
}

DrainTerms terms_of(const DrainRecord& record) {
  return {.reason = to_string(record.reason), .deadline = record.deadline, .close_code = 1012, .hint_jitter = 30s};
}

Plan order_of(const PodRef& pod, double rate) {
  Plan plan;
  plan.orders.push_back({pod, terms_of(kRecord), rate});
  return plan;
}

std::string draining_pod(const char* version, const char* gateway = "edge") {
  return Json{{"metadata",
               {{"name", "a"},
                {"namespace", "live"},
                {"uid", "uid-a"},
                {"resourceVersion", version},
                {"labels", {{kGatewayLabel, gateway}}},
                {"annotations", {{kDrainAnnotation, encode_drain_record(kRecord)}}}}}}
      .dump();
}

}  // namespace

TEST_CASE("a drain that began though its answer was lost counts") {
  struct Row {
    const char* name;
    int status;
    bool read_back;
  };
  const Row rows[] = {
      {"no answer, or one that says nothing", 500, true},
      {"a conflict may be our own doing", 409, true},
      {"refused", 403, false},
      {"invalid", 422, false},
      {"gone", 404, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture f({answer(row.status, "{}"), answer(200, draining_pod("8"))});
    const Applied applied = f.apply(start_of(f.pod));
    CHECK_FALSE(applied.status);
    CHECK(applied.unsure.empty());
    CHECK(f.api.requests().size() == (row.read_back ? 2 : 1));
    CHECK(f.newest_pod().drain_annotated == row.read_back);
  }
}

TEST_CASE("a pod that was made though its answer was lost counts") {
  Plan plan;
  plan.create.push_back({"a", "new"});
  SUBCASE("by the pod as it is read back") {
    Fixture f({answer(500, "{}"), answer(200, draining_pod("9"))});
    f.pods.clear();
    const Applied applied = f.apply(plan);
    CHECK_FALSE(applied.status);
    CHECK(applied.unsure.empty());
    CHECK(f.pod_writes.newest(f.key, {}, "7").size() == 1);
  }
  SUBCASE("or nobody is sure until it can be read") {
    Fixture f({answer(500, "{}"), answer(500, "{}")});
    CHECK(f.apply(plan).unsure == std::set<std::string>{"a"});
  }
  SUBCASE("but not one that is refused") {
    Fixture f({answer(403, "{}")});
    CHECK(f.apply(plan).unsure.empty());
  }
}

TEST_CASE("where the pod cannot be read back nobody is sure until it can") {
  Fixture f({answer(500, "{}"), answer(503, "{}"), answer(503, "{}"), answer(200, draining_pod("8"))});
  CHECK(f.apply(start_of(f.pod)).unsure == std::set<std::string>{"a"});
  CHECK_FALSE(read_pod(f.client, f.pod_writes, f.key, "live", "a"));
  CHECK(read_pod(f.client, f.pod_writes, f.key, "live", "a"));
  CHECK(f.api.asked(3) == "GET /api/v1/namespaces/live/pods/a");
  CHECK(f.newest_pod().drain_annotated);
  CHECK(read_pod(f.client, f.pod_writes, f.key, "live", "a"));  // 404: gone, and so certain.
}

TEST_CASE("a promotion that has had its effect is taken off the gateway as it was seen") {
  Fixture fixture(
      {answer(200, R"({"metadata":{"name":"edge","namespace":"live","uid":"owner","resourceVersion":"4"}})")});
  Plan plan;
  plan.canary.drop_promotion = true;
  CHECK(fixture.apply(plan).status.ok());
  REQUIRE(fixture.api.requests().size() == 1);
  CHECK(fixture.api.asked(0).starts_with("PATCH /apis/sluice.dev/v1alpha1/namespaces/live/realtimegateways/edge?"));
  CHECK(fixture.api.body(0) == R"({"metadata":{"annotations":{"sluice.dev/promote":null},"resourceVersion":"3"}})");
}

TEST_CASE("a stranger that has the name by now is not taken for the pod") {
  Fixture f({answer(500, "{}"), answer(200, draining_pod("8", "another"))});
  CHECK(f.apply(start_of(f.pod)).unsure.empty());
  CHECK(f.newest_pod().resource_version == "7");
  CHECK_FALSE(f.newest_pod().drain_annotated);
}

TEST_CASE("an order that the plan would repeat does not wake it at once") {
  struct Row {
    const char* name;
    ScriptedAdmin::Script script;
    Duration wake;
  };
  const Row rows[] = {
      {"taken", obeys, 0ms},
      {"taken by a gateway that terminates and cuts its deadline",
       [](const AdminCall& call) {
         Result<GatewayState> state = obeys(call);
         state->drain->deadline = kNow + 1min;
         return state;
       },
       0ms},
      {"another rate",
       [](const AdminCall& call) {
         Result<GatewayState> state = obeys(call);
         state->drain->rate = 1;
         return state;
       },
       kAdminRetry},
      {"a later deadline",
       [](const AdminCall& call) {
         Result<GatewayState> state = obeys(call);
         state->drain->deadline = kNow + 24h;
         return state;
       },
       kAdminRetry},
      {"no drain", [](const AdminCall&) { return GatewayState{.connections = 5, .drain = std::nullopt}; }, kAdminRetry},
      {"no answer",
       [](const AdminCall&) {
         return Error{ErrorCode::kUnavailable, "nobody there", std::nullopt};
       },
       kAdminRetry},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture f({}, row.script);
    CHECK(f.apply(order_of(f.pod, 200)).wake_after == row.wake);
    // What the plan would say of the pod now.
    const HeardState heard = f.states.get("uid-a");
    const bool holds =
        heard.state && order_holds(*heard.state, heard.rate_possible, heard.ordered, terms_of(kRecord), 200);
    CHECK(holds == (row.wake == 0ms));
  }
}

TEST_CASE("a rate is written on the pod, and the order waits for the next round") {
  Fixture f({answer(200, R"({"metadata":{"name":"a","namespace":"live","uid":"uid-a","resourceVersion":"8",
                             "annotations":{"sluice.dev/drain-rate":"66.667"}}})")});
  Plan plan;
  plan.record_rates.push_back({f.pod, 200.0 / 3});
  CHECK(f.apply(plan).wake_after == kAdminRetry);  // The watch wakes it sooner.
  CHECK(f.admin.calls() == 0);
  CHECK(Json::parse(f.api.body(0)) ==
        Json::parse(R"({"metadata":{"resourceVersion":"7","annotations":{"sluice.dev/drain-rate":"66.667"}}})"));
  CHECK(f.newest_pod().rate_recorded == 66.667);
}

TEST_CASE("what is taken back loses its decision and its rate, once its gateway has said so") {
  Plan plan;
  {
    Fixture f({answer(200, R"({"metadata":{"name":"a","namespace":"live","uid":"uid-a","resourceVersion":"8"}})")},
              [](const AdminCall&) { return GatewayState{.connections = 5, .drain = std::nullopt}; });
    plan.cancel.push_back({f.pod, true, "more replicas are wanted again"});
    CHECK(f.apply(plan).status);
    CHECK(Json::parse(f.api.body(0)) == Json::parse(R"({"metadata":{"resourceVersion":"7",
        "labels":{"sluice.dev/state":"active","sluice.dev/traffic":"on"},
        "annotations":{"sluice.dev/drain":null,"sluice.dev/drain-rate":null,"sluice.dev/health":null}}})"));
  }
  Fixture silent({}, [](const AdminCall&) { return Error{ErrorCode::kUnavailable, "nobody there", std::nullopt}; });
  CHECK(silent.apply(plan).wake_after == kAdminRetry);
  CHECK(silent.api.requests().empty());
}

TEST_CASE("an operator that is told to end makes and deletes no more pods") {
  Fixture f({});
  f.stopping = true;
  Plan plan;
  for (const char* name : {"b", "c", "d"}) plan.create.push_back({name, f.newest.hash});
  plan.remove.push_back({.pod = f.pod, .record = {}, .initial = {}, .connections = {}});
  (void)f.apply(plan);
  CHECK(f.api.requests().empty());
}

TEST_CASE("what is the matter with a pod, and its labels, are one conditional write") {
  const HealthRecord record{.severity = 4, .since = kNow, .phase = HealthPhase::kOffline, .phase_since = kNow};
  Fixture fixture({answer(200, draining_pod("8"))});
  PodView& pod = fixture.seen.pods.emplace_back();
  pod.name = "a";
  pod.uid = "uid-a";
  Plan plan;
  plan.health.push_back({fixture.pod, record, HealthNews::kKicked, "no answer for 12s"});
  const Applied applied = fixture.apply(plan);
  REQUIRE(applied.status);
  CHECK(fixture.api.asked(0).starts_with("PATCH /api/v1/namespaces/live/pods/a"));
  const Json patch = Json::parse(fixture.api.body(0));
  CHECK(patch["metadata"]["resourceVersion"] == "7");
  CHECK(patch["metadata"]["labels"] == Json{{kStateLabel, "offline"}, {kTrafficLabel, "off"}});
  CHECK(decode_health_record(patch["metadata"]["annotations"][kHealthAnnotation].get<std::string>()) == record);
  REQUIRE(applied.peers.size() == 1);
  CHECK(applied.peers[0].pod == "a");
  CHECK(applied.peers[0].status == "offline");
  CHECK(applied.peers[0].severity == 4);
  CHECK(fixture.metrics
            .counter("sluice_operator_kicks_total", "Pods put out of the fleet, relapses included.",
                     {{"event", "HeartbeatTimeout"}})
            .value() == 1);
}

TEST_CASE("a pod whose write has failed is not told of") {
  Fixture fixture({answer(409, "{}"), answer(200, draining_pod("8"))});
  PodView& pod = fixture.seen.pods.emplace_back();
  pod.name = "a";
  pod.uid = "uid-a";
  Plan plan;
  plan.health.push_back({fixture.pod, std::nullopt, HealthNews::kBack, "it held"});
  const Applied applied = fixture.apply(plan);
  CHECK_FALSE(applied.status);
  CHECK(applied.peers.empty());
}

TEST_CASE("a pod that has changed since it was looked at is not deleted") {
  Fixture fixture({answer(409, R"({"message":"the ResourceVersion in the precondition is not the one in record",
                                   "reason":"Conflict"})")});
  Plan plan;
  plan.remove.push_back({.pod = fixture.pod, .reason = DeleteReason::kTimedOut});
  const Applied applied = fixture.apply(plan);
  CHECK(applied.status.error().code == ErrorCode::kConflict);
  CHECK(Json::parse(fixture.api.body(0))["preconditions"] == Json{{"uid", "uid-a"}, {"resourceVersion", "7"}});
}

}  // namespace sluice::op
