#include "operator/observe.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"
#include "operator/names.h"
#include "operator/ownership.h"

namespace sluice::op {
namespace {

using kube::Json;

const Now kNow{*parse_rfc3339("2026-11-23T10:00:00Z"), SteadyTime(1h)};

Json running_pod() {
  return Json::parse(R"({"apiVersion":"v1","kind":"Pod",
    "metadata":{"name":"edge-abcde","namespace":"live","uid":"p-1","resourceVersion":"42",
      "creationTimestamp":"2026-11-23T09:00:00Z",
      "labels":{"sluice.dev/gateway":"edge","sluice.dev/state":"active","sluice.dev/traffic":"on",
                "sluice.dev/revision":"r1","app":"x"},
      "annotations":{"note":"long text"},
      "ownerReferences":[{"kind":"RealtimeGateway","name":"edge","uid":"u-1","controller":true}]},
    "spec":{"nodeName":"n1","tolerations":[{"key":"a"}],
      "containers":[{"name":"sidecar","image":"s"},
                    {"name":"gateway","image":"g","ports":[{"name":"admin","containerPort":9901}]}]},
    "status":{"phase":"Running","podIP":"10.0.0.7","hostIP":"10.0.0.1",
      "conditions":[{"type":"PodScheduled","status":"True"},
                    {"type":"Ready","status":"True","lastTransitionTime":"2026-11-23T09:30:00Z"}],
      "containerStatuses":[{"name":"sidecar","state":{"running":{}}},
                           {"name":"gateway","state":{"running":{}},"restartCount":0,"image":"g"}]}})");
}

Json changed(Json pod, const char* merge_patch) {
  pod.merge_patch(Json::parse(merge_patch));
  return pod;
}

PodView view_pod(const Json& pod, const HeardState& heard, Now now) {
  return view_pod(facts_of(pod), heard, now);
}

PodPtr shared(const Json& pod) {
  return std::make_shared<const PodFacts>(facts_of(pod));
}

}  // namespace

TEST_CASE("view_pod reads a running pod") {
  const Json pod = running_pod();
  const PodView view = view_pod(pod, {}, kNow);
  CHECK(view.name == "edge-abcde");
  CHECK(view.uid == "p-1");
  CHECK(view.resource_version == "42");
  CHECK(view.revision == "r1");
  CHECK(view.state_label == "active");
  CHECK(view.traffic_label == "on");
  CHECK(view.address == "10.0.0.7:9901");
  CHECK(view.address_of(view.ws_port) == "10.0.0.7:8080");
  CHECK(view.address_of(view.wss_port) == "10.0.0.7:8443");
  CHECK(view.address_of(view.metrics_port) == "10.0.0.7:9902");
  CHECK_FALSE(view.backing_off);
  CHECK_FALSE(view.health_annotated);
  CHECK(view.container == ContainerState::kRunning);
  CHECK(view.ready);
  CHECK(view.ready_since == kNow.wall - 30min);
  CHECK_FALSE(view.draining());
  CHECK_FALSE(view.state);
  CHECK(owned_by(pod, "u-1"));
  CHECK_FALSE(owned_by(pod, "u-2"));
}

TEST_CASE("what is no pod at all can be read") {
  for (const char* odd : {"7", "{}", R"({"metadata":3,"spec":[],"status":"x"})"}) {
    CAPTURE(odd);
    CHECK(view_pod(Json::parse(odd), {}, kNow).address.empty());
  }
}

TEST_CASE("what the kubelet says of the container") {
  struct Row {
    const char* name;
    const char* status;
    ContainerState state;
  };
  const Row rows[] = {
      {"no status at all", "null", ContainerState::kNeverStarted},
      {"pending without container status", R"({"phase":"Pending","containerStatuses":null})",
       ContainerState::kNeverStarted},
      {"running without container status is taken as running", R"({"phase":"Running","containerStatuses":null})",
       ContainerState::kRunning},
      {"image cannot be pulled",
       R"({"phase":"Pending","containerStatuses":[{"name":"gateway","restartCount":0,"state":{"waiting":{"reason":"ErrImagePull"}}}]})",
       ContainerState::kNeverStarted},
      {"crash loop",
       R"({"containerStatuses":[{"name":"gateway","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]})",
       ContainerState::kStopped},
      {"first crash, not counted yet",
       R"({"containerStatuses":[{"name":"gateway","restartCount":0,"state":{"waiting":{}},"lastState":{"terminated":{"exitCode":1}}}]})",
       ContainerState::kStopped},
      {"terminated", R"({"containerStatuses":[{"name":"gateway","state":{"terminated":{"exitCode":0}}}]})",
       ContainerState::kStopped},
      {"no state is taken as running", R"({"containerStatuses":[{"name":"gateway"}]})", ContainerState::kRunning},
      {"phase unknown is taken as running", R"({"phase":"Unknown","containerStatuses":null})",
       ContainerState::kRunning},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Json patch;
    patch["status"] = Json::parse(row.status);
    Json pod = running_pod();
    pod.merge_patch(patch);
    CHECK(view_pod(pod, {}, kNow).container == row.state);
  }
}

TEST_CASE("drains, deletions and addresses") {
  const Json draining = changed(running_pod(), R"({"metadata":{"labels":{"sluice.dev/state":"draining"},"annotations":{
      "sluice.dev/drain":"{\"reason\":\"ScaleDown\",\"startedAt\":\"2026-11-23T09:59:00Z\",\"deadline\":\"2026-11-23T10:30:00Z\"}"}}})");
  CHECK(view_pod(draining, {}, kNow).drain->deadline == kNow.wall + 30min);
  const PodView edited =
      view_pod(changed(running_pod(), R"({"metadata":{"annotations":{"sluice.dev/drain":"?"}}})"), {}, kNow);
  CHECK(edited.draining());
  CHECK_FALSE(edited.drain);
  CHECK(
      view_pod(changed(running_pod(), R"({"metadata":{"annotations":{"sluice.dev/drain":""}}})"), {}, kNow).draining());
  CHECK(view_pod(changed(running_pod(), R"({"metadata":{"deletionTimestamp":"2026-11-23T09:59:00Z"}})"), {}, kNow)
            .terminating);
  CHECK(view_pod(changed(running_pod(), R"({"status":{"phase":"Failed"}})"), {}, kNow).finished);
  CHECK(view_pod(changed(running_pod(), R"({"status":{"podIP":null}})"), {}, kNow).address.empty());
  CHECK(view_pod(changed(running_pod(), R"({"status":{"podIP":"fd00::7"}})"), {}, kNow).address == "[fd00::7]:9901");
}

TEST_CASE("ages come from the monotonic clock") {
  HeardState heard;
  heard.state = GatewayState{.connections = 5, .drain = std::nullopt};
  heard.asked_at = kNow.steady - 3s;
  heard.failed_at = kNow.steady - 1s;
  heard.empty_since = kNow.steady - 5s;
  heard.last_count = 9;
  heard.rate_possible = 20;
  heard.ordered = DrainTerms{.reason = "ScaleDown", .deadline = kNow.wall + 30min};
  const PodView view = view_pod(running_pod(), heard, kNow);
  CHECK(view.state->connections == 5);
  CHECK(view.state_age == 3s);
  CHECK(view.failure_age == Duration(1s));
  CHECK(view.empty_for == Duration(5s));
  CHECK(view.last_count == 9);
  CHECK(view.rate_possible == 20);
  CHECK(view.ordered == heard.ordered);
}

TEST_CASE("a pod that is being deleted has the time that its deletion leaves") {
  const PodView view =
      view_pod(changed(running_pod(),
                       R"({"metadata":{"deletionTimestamp":"2026-11-23T10:10:00Z","deletionGracePeriodSeconds":600}})"),
               {}, kNow);
  CHECK(view.terminating);
  CHECK(format_rfc3339(view.killed_at) == "2026-11-23T10:10:00Z");
  CHECK(view.grace == 600s);
}

TEST_CASE("a pod's session cost is a number that is not negative, or it is ignored") {
  struct Row {
    const char* text;
    std::optional<double> cost;
  };
  const Row rows[] = {{"3", 3}, {"0", 0},     {"2.5", 2.5}, {"1e2", 100}, {"-1", {}},
                      {"", {}}, {"many", {}}, {"3x", {}},   {"nan", {}},  {"inf", {}}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Json pod = running_pod();
    pod["metadata"]["annotations"][kSessionCostAnnotation] = row.text;
    const PodView view = view_pod(pod, {}, kNow);
    CHECK(view.session_cost == row.cost);
    CHECK(view.session_cost_bad == !row.cost);
  }
  CHECK_FALSE(view_pod(running_pod(), {}, kNow).session_cost_bad);
}

TEST_CASE("a pod whose node goes is asked to go, unless the node went before the pod came") {
  const Json gateway = Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1"}})");
  Json pod = running_pod();
  const WallTime made = *parse_rfc3339("2026-11-23T09:00:00Z");
  pod["metadata"]["creationTimestamp"] = format_rfc3339(made);
  pod["metadata"]["ownerReferences"] = {{{"uid", "u-1"}, {"controller", true}}};
  struct Row {
    const char* name;
    std::optional<NodeView> node;
    bool asked;
    bool known;
  };
  const Row rows[] = {
      {"nothing is known of it", std::nullopt, false, false},
      {"it stays", NodeView{.name = "n1", .domain = "z", .going = false}, false, true},
      {"it goes, nobody knows since when", NodeView{.name = "n1", .domain = "z", .going = true}, true, true},
      {"it has gone since after", NodeView{.name = "n1", .domain = "z", .going = true, .going_since = made + 1s}, true,
       true},
      {"it had gone before: the next pod would land there too",
       NodeView{.name = "n1", .domain = "z", .going = true, .going_since = made - 1s}, false, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Observed seen = observe(
        {.gateway = gateway,
         .spec = parse_spec(gateway),
         .pods = {shared(pod)},
         .heard = [](const std::string&) { return HeardState{}; },
         .taken_names = {},
         .revision = "new",
         .former_revision = {},
         .template_error = {},
         .node = [&](const std::string&) { return row.node ? std::make_shared<const NodeView>(*row.node) : nullptr; },
         .asked_to_evict = {}},
        kNow);
    REQUIRE(seen.pods.size() == 1);
    CHECK(seen.pods[0].asked_to_go == (row.asked ? std::optional(DrainReason::kNodeDrain) : std::nullopt));
    CHECK(seen.pods[0].node_known == row.known);
  }
}

TEST_CASE("an object beside the pods is taken only where it was made for this gateway") {
  const Json gateway = Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1"}})");
  struct Row {
    const char* name;
    const char* metadata;
    bool taken;
  };
  const Row rows[] = {
      {"ours", R"({"ownerReferences":[{"uid":"u-1","controller":true}]})", true},
      {"ours, its label lost", R"({"labels":{},"ownerReferences":[{"uid":"u-1","controller":true}]})", true},
      {"another's", R"({"ownerReferences":[{"uid":"u-2","controller":true}]})", false},
      {"another's with our label",
       R"({"labels":{"sluice.dev/gateway":"edge"},"ownerReferences":[{"uid":"u-2","controller":true}]})", false},
      {"nobody's", R"({"labels":{"app":"edge"}})", false},
      {"nobody's, not controlled by us either", R"({"ownerReferences":[{"uid":"u-1"}]})", false},
      {"nobody's, handed over by its label", R"({"labels":{"sluice.dev/gateway":"edge"}})", true},
      {"nobody's, handed over to another", R"({"labels":{"sluice.dev/gateway":"other"}})", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(may_take({{"metadata", Json::parse(row.metadata)}}, gateway) == row.taken);
  }
}

TEST_CASE("what a gateway may be releasing") {
  struct Row {
    const char* name;
    bool answered;
    double heard;
    const char* recorded;
    double possible;
  };
  const Row rows[] = {
      {"it has answered: its own word, whatever is recorded", true, 50, "200.0", 50},
      {"a new leader has not heard it: what is recorded", false, 0, "150.0", 150},
      {"nothing was ever granted", false, 0, "", 0},
      {"a call of ours was lost before the first answer", false, 200, "150.0", 200},
      {"somebody has edited the record: it may be anything", false, 0, "many", 1e9},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    HeardState heard;
    if (row.answered) heard.state = GatewayState{.connections = 5, .drain = std::nullopt};
    heard.rate_possible = row.heard;
    Json pod = running_pod();
    if (*row.recorded != '\0') pod["metadata"]["annotations"]["sluice.dev/drain-rate"] = row.recorded;
    CHECK(view_pod(pod, heard, kNow).rate_possible == row.possible);
  }
}

TEST_CASE("how a gateway is deleted, and whether the objects beside its pods are kept") {
  struct Row {
    const char* name;
    const char* finalizers;
    bool deleting;
    const char* pod;  // Its metadata; empty for none.
    bool remembered;  // That it was being orphaned.
    bool orphaned;
    bool keeps;
  };
  constexpr const char* kPod = "{}";
  constexpr const char* kTerminating = R"({"deletionTimestamp":"2026-11-23T09:59:30Z"})";
  const Row rows[] = {
      {"not deleted", R"(["sluice.dev/drain"])", false, kPod, false, false, true},
      {"before our finalizer nothing is made", "[]", false, "", false, false, false},
      {"in the background: its drains need the keys", R"(["sluice.dev/drain"])", true, kPod, false, false, true},
      {"in the background, the last pod gone", R"(["sluice.dev/drain"])", true, "", false, false, false},
      {"in the background, with pods that go by themselves (a namespace's deletion)", R"(["sluice.dev/drain"])", true,
       kTerminating, false, false, false},
      {"in the foreground", R"(["sluice.dev/drain","foregroundDeletion"])", true, kPod, false, false, false},
      {"orphaning", R"(["orphan","sluice.dev/drain"])", true, kPod, false, true, false},
      {"orphaned, the pods as we know them not yet", R"(["sluice.dev/drain"])", true, kPod, true, true, false},
      {"a finalizer of that name does not delete", R"(["orphan","sluice.dev/drain"])", false, kPod, false, false, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Json gateway = Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1"}})");
    gateway["metadata"]["finalizers"] = Json::parse(row.finalizers);
    if (row.deleting) gateway["metadata"]["deletionTimestamp"] = "2026-11-23T09:59:00Z";
    std::vector<PodPtr> pods;
    if (*row.pod != '\0') {
      Json patch;
      patch["metadata"] = Json::parse(row.pod);
      Json pod = running_pod();
      pod.merge_patch(patch);
      pods.push_back(shared(pod));
    }
    const Observed seen = observe({.gateway = gateway,
                                   .spec = parse_spec(gateway),
                                   .pods = pods,
                                   .heard = [](const std::string&) { return HeardState{}; },
                                   .taken_names = {},
                                   .revision = "r1",
                                   .template_error = "",
                                   .choosing_for = 0ms,
                                   .orphaned = row.remembered,
                                   .unsure = false,
                                   .creates_held = 0ms},
                                  kNow);
    CHECK(seen.orphaned == row.orphaned);
    CHECK(keeps_children(seen) == row.keeps);
  }
}

TEST_CASE("observe takes only pods that the gateway owns, in name order") {
  const Json gateway =
      Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1","finalizers":["sluice.dev/drain"]}})");
  const auto pod = [](const char* merge_patch) { return shared(changed(running_pod(), merge_patch)); };
  const Observed seen = observe(
      {.gateway = gateway,
       .spec = parse_spec(gateway),
       .pods = {pod(R"({"metadata":{"name":"edge-b"}})"), pod(R"({"metadata":{"name":"edge-a"}})"),
                pod(R"({"metadata":{"name":"edge-orphan","ownerReferences":null}})"),
                pod(R"({"metadata":{"name":"edge-other","ownerReferences":[{"uid":"u-2","controller":true}]}})"),
                pod(R"({"metadata":{"name":"edge-friend","ownerReferences":[{"uid":"u-1"}]}})")},
       .heard = [](const std::string&) { return HeardState{}; },
       .taken_names = {"x"},
       .revision = "r1",
       .template_error = "",
       .choosing_for = 0ms,
       .orphaned = false,
       .unsure = false,
       .creates_held = 0ms},
      kNow);
  CHECK(seen.finalized);
  CHECK_FALSE(seen.deleting);
  REQUIRE(seen.pods.size() == 2);
  CHECK(seen.pods[0].name == "edge-a");
  CHECK(seen.pods[1].name == "edge-b");
  CHECK(seen.taken_names.contains("x"));
}

TEST_CASE("what is known of a pod's health") {
  const HealthRecord record{.since = kNow.wall - 6min, .phase = HealthPhase::kOffline, .phase_since = kNow.wall - 1min};
  Json pod = running_pod();
  pod["metadata"]["annotations"] = {{"sluice.dev/health", encode_health_record(record)}};
  pod["status"]["containerStatuses"][1]["state"] = {{"waiting", {{"reason", "CrashLoopBackOff"}}}};
  pod["status"]["containerStatuses"][1]["restartCount"] = 2;
  HeardState heard;
  heard.failed_at = kNow.steady - 1s;
  heard.failing_since = kNow.steady - 9s;
  heard.failures = 4;
  heard.refused = true;
  const PodView view = view_pod(pod, heard, kNow);
  CHECK(view.health == record);
  CHECK(view.offline());
  CHECK(view.backing_off);
  CHECK(view.failing_for == 9s);
  CHECK(view.failures == 4);
  CHECK(view.refused);

  Json gateway = Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1"},
                                 "spec":{"healing":{"replaceAfter":"5m"}}})");
  const auto look = [&] {
    return observe(
        {.gateway = gateway,
         .spec = parse_spec(gateway),
         .pods = {shared(pod)},
         .heard = [&](const std::string&) { return heard; },
         .node =
             [](const std::string&) {
               return std::make_shared<const NodeView>(NodeView{.name = "n1", .domain = "z", .ready = false});
             },
         .polls = {.heard = 9, .failing = 4},
         .probed =
             [](const std::string&) {
               return ProbeCount{2, kNow.steady - 3s};
             }},
        kNow);
  };
  const Observed seen = look();
  CHECK_FALSE(seen.pods[0].node_ready);
  CHECK(seen.pods[0].probe_successes == 2);
  CHECK(seen.pods[0].probed_ago == 3s);
  CHECK(seen.pods[0].asked_to_go == DrainReason::kOffline);
  CHECK(seen.polled == 9);
  CHECK(seen.polls_failing == 4);
  gateway["spec"]["healing"]["replaceAfter"] = "7m";
  CHECK_FALSE(look().pods[0].asked_to_go);

  pod["metadata"]["annotations"]["sluice.dev/health"] = "well";
  CHECK(view_pod(pod, heard, kNow).health_annotated);
  CHECK_FALSE(view_pod(pod, heard, kNow).health);
}

TEST_CASE("a shed whose gateway does not say how fast it is may be as fast as it was allowed to") {
  Json pod = running_pod();
  pod["metadata"]["annotations"] = {{"sluice.dev/drain-rate", "40"}};
  HeardState heard;
  heard.state.emplace().shed = GatewayShed{.id = "r", .remaining = 3};
  CHECK(view_pod(pod, heard, kNow).rate_possible == 40);
  heard.state->shed->remaining = 0;
  CHECK(view_pod(pod, heard, kNow).rate_possible == 0);
  heard.state->shed = GatewayShed{.id = "r", .remaining = 3, .rate = 7};
  heard.rate_possible = 7;
  CHECK(view_pod(pod, heard, kNow).rate_possible == 7);
}

}  // namespace sluice::op
