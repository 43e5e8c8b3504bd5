#include "operator/plan.h"

#include <doctest/doctest.h>

#include <functional>

#include "operator/limits.h"
#include "operator/names.h"

namespace sluice::op {
namespace {

const WallTime kNoon{std::chrono::hours(24 * 365 * 50)};

GatewaySpec spec_of(int replicas) {
  GatewaySpec spec;
  spec.replicas = replicas;
  return spec;
}

/// A pod that has been serving for an hour, its state one second old.
PodView serving(const char* name, std::int64_t connections = 0) {
  PodView pod;
  pod.name = name;
  pod.uid = std::string("uid-") + name;
  pod.resource_version = "7";
  pod.revision = "new";
  pod.address = std::string(name) + ":9901";
  pod.created = kNoon - 1h;
  pod.ready = true;
  pod.ready_since = kNoon - 1h;
  pod.state = GatewayState{.connections = connections, .drain = std::nullopt};
  pod.state_age = 100ms;
  return pod;
}

PodView operator|(PodView pod, const std::function<void(PodView&)>& change) {
  change(pod);
  return pod;
}

void pending(PodView& pod) {
  pod.container = ContainerState::kNeverStarted;
  pod.ready = false;
  pod.state.reset();
  pod.address.clear();
}
void unready(PodView& pod) {
  pod.ready = false;
}
void terminating(PodView& pod) {
  pod.terminating = true;
}
void old_revision(PodView& pod) {
  pod.revision = "old";
}
void failed(PodView& pod) {
  pod.finished = true;
  pod.ready = false;
  pod.container = ContainerState::kStopped;
}
void crashed(PodView& pod) {
  pod.ready = false;
  pod.container = ContainerState::kStopped;
}
void unreachable(PodView& pod) {
  pod.failure_age = 100ms;
}
void young(PodView& pod) {
  pod.created = kNoon - 3s;
  pod.ready_since = kNoon - 2s;
}
std::function<void(PodView&)> stale(Duration age) {
  return [age](PodView& pod) { pod.state_age = age; };
}

/// Draining for `since`, as its annotation and labels say; the gateway knows nothing of it yet.
std::function<void(PodView&)> draining(Duration since, DrainReason reason = DrainReason::kScaleDown) {
  return [since, reason](PodView& pod) {
    pod.drain_annotated = true;
    pod.drain = DrainRecord{reason, kNoon - since, kNoon - since + 30min};
    pod.state_label = "draining";
    pod.traffic_label = "off";
  };
}
/// The gateway has accepted the drain at `rate`.
std::function<void(PodView&)> evicting(double rate) {
  return [rate](PodView& pod) {
    pod.state->drain = GatewayDrain{.started_at = pod.drain->started_at,
                                    .reason = to_string(pod.drain->reason),
                                    .deadline = pod.drain->deadline,
                                    .initial = 800,
                                    .remaining = pod.state->connections,
                                    .rate = rate};
    pod.rate_possible = rate;
  };
}

Observed fleet(std::vector<PodView> pods) {
  Observed seen;
  seen.ns = "default";
  seen.name = "edge";
  seen.uid = "owner";
  seen.finalized = true;
  seen.revision = "new";
  seen.choosing_for = kStateFresh;
  seen.pods = std::move(pods);
  return seen;
}
Observed operator|(Observed seen, const std::function<void(Observed&)>& change) {
  change(seen);
  return seen;
}
void deleting(Observed& seen) {
  seen.deleting = true;
}

/// The plan in words: "create 2, start b:ScaleDown, order c:200, delete a:drained".
std::string words(const Plan& plan) {
  std::string all;
  const auto say = [&all](const std::string& text) { all += (all.empty() ? "" : ", ") + text; };
  if (plan.add_finalizer) say("add finalizer");
  if (plan.remove_finalizer) say("remove finalizer");
  for (const auto& a : plan.remove) {
    say("delete " + a.pod.name + ":" + to_string(a.reason) + (a.only_this_version ? " if unchanged" : ""));
  }
  for (const auto& a : plan.cancel) say("take back " + a.pod.name + (a.tell_gateway ? " and tell it" : ""));
  for (const auto& a : plan.start) say("start " + a.pod.name + ":" + to_string(a.record.reason));
  for (const auto& a : plan.relabel) say("relabel " + a.pod.name + (a.draining ? " draining" : " active"));
  for (const auto& a : plan.orders) {
    say("order " + a.pod.name + ":" + std::to_string(static_cast<int>(a.rate_per_second)));
  }
  for (const auto& a : plan.undrain) say("undrain " + a.name);
  if (!plan.create.empty()) say("create " + std::to_string(plan.create.size()));
  if (!plan.states_wanted.empty()) say("ask " + std::to_string(plan.states_wanted.size()));
  return all;
}

struct Row {
  const char* name;
  GatewaySpec spec;
  Observed seen;
  const char* plan;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(plan_gateway(row.spec, row.seen, kNoon)) == row.plan);
  }
}

}  // namespace

TEST_CASE("plan_gateway keeps as many pods as asked for") {
  check({
      {"the finalizer comes before any pod", spec_of(3), fleet({}) | [](Observed& s) { s.finalized = false; },
       "add finalizer"},
      {"an empty gateway gets its pods", spec_of(3), fleet({}), "create 3"},
      {"pending pods count: no second one is made for them", spec_of(3), fleet({serving("a"), serving("b") | pending}),
       "create 1"},
      {"at target nothing happens", spec_of(2), fleet({serving("a", 5), serving("b", 9)}), ""},
      {"a pod that somebody deletes is replaced at once", spec_of(2), fleet({serving("a"), serving("b") | terminating}),
       "create 1"},
      {"a failed pod is deleted and replaced", spec_of(2), fleet({serving("a"), serving("b") | failed}),
       "delete b:stopped, create 1"},
      {"a pod that failed right after it was made is left for a while", spec_of(2),
       fleet({serving("a"), serving("b") | failed | young}), ""},
      {"no pod is made from a template that the API server refuses", spec_of(3),
       fleet({serving("a")}) | [](Observed& s) { s.template_error = "no"; }, ""},
      {"creates are bounded; the next round goes on", spec_of(2000), fleet({}), "create 500"},
      {"zero replicas of nothing", spec_of(0), fleet({}), ""},
  });
}

TEST_CASE("plan_gateway chooses whom to drain") {
  const auto two_at_once = [](int replicas) {
    GatewaySpec spec = spec_of(replicas);
    spec.concurrent_drains_max = 2;
    return spec;
  };
  check({
      {"the emptiest pod goes", spec_of(2), fleet({serving("a", 9), serving("b", 3), serving("c", 7)}),
       "start b:ScaleDown"},
      {"one at a time by default", spec_of(0), fleet({serving("a", 9), serving("b", 3)}), "start b:ScaleDown"},
      {"as many at once as the spec allows", two_at_once(1), fleet({serving("a", 9), serving("b", 3), serving("c", 7)}),
       "start b:ScaleDown, start c:ScaleDown"},
      {"a running drain takes one of the places", two_at_once(0),
       fleet({serving("a", 9) | draining(1s), serving("b", 3), serving("c", 7)}), "start b:ScaleDown"},
      {"no second drain while the only place is taken", spec_of(0),
       fleet({serving("a", 9) | draining(1s), serving("b")}), ""},
      {"a victim is not chosen by old figures", spec_of(1), fleet({serving("a", 9) | stale(3s), serving("b", 3)}),
       "ask 1"},
      {"a choice that comes up asks everybody first", spec_of(1),
       fleet({serving("a", 9), serving("b", 3)}) | [](Observed& s) { s.choosing_for = 0ms; }, "ask 2"},
      {"a pod that never started goes without a drain", spec_of(1), fleet({serving("a", 9), serving("b") | pending}),
       "delete b:never started if unchanged"},
      {"pods that never started do not wait for a drain's place", spec_of(0),
       fleet({serving("a", 9) | draining(1s), serving("b") | pending, serving("c") | pending}),
       "delete b:never started if unchanged, delete c:never started if unchanged"},
      {"a pod that is not ready goes first, but it is drained", spec_of(1),
       fleet({serving("a", 1), serving("b", 500) | unready}), "start b:ScaleDown"},
      {"draining pods do not count as replicas", spec_of(1), fleet({serving("a", 9), serving("b", 3) | draining(1s)}),
       ""},
  });
}

TEST_CASE("plan_gateway drives a drain through its phases") {
  const auto with_rate = [](double rate) {
    GatewaySpec spec = spec_of(1);
    spec.budget_per_receiver = rate;
    return spec;
  };
  check({
      {"Propagating: nothing is asked of the gateway yet", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(14s)}), ""},
      {"Evicting: the gateway gets the whole budget of one receiver", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(15s)}), "order b:200"},
      {"Evicting: an order that holds is not repeated", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200)}), ""},
      {"Evicting: a restarted gateway is told again", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(20s)}), "order b:200"},
      {"Evicting: a smaller budget takes effect", with_rate(50),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200)}), "order b:50"},
      {"Drained: zero by the gateway's own word", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s) | evicting(200)}), "delete b:drained"},
      {"zero before the drain was accepted is no proof", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s)}), "order b:200"},
      {"an old zero is no proof", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s) | evicting(200) | stale(3s)}), ""},
      {"a zero of an earlier drain is no proof", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(16s) | evicting(200) | stale(1500ms)}), ""},
      {"no answer is not zero", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s) | unreachable | stale(30s)}), ""},
      {"TimedOut: the deadline beats the budget", spec_of(1),
       fleet({serving("a"), serving("b", 700) | draining(30min) | evicting(200)}), "delete b:timed out"},
      {"TimedOut: also where nobody answers", spec_of(1),
       fleet({serving("a"), serving("b", 700) | draining(31min) | unreachable}), "delete b:timed out"},
      {"a crashed container has no connections, once its endpoints are gone", spec_of(1),
       fleet({serving("a"), serving("b", 700) | crashed | draining(16s)}), "delete b:stopped if unchanged"},
      {"a crashed container may come back while endpoints still follow", spec_of(1),
       fleet({serving("a"), serving("b", 700) | crashed | draining(3s)}), ""},
      {"a failed pod's drain is over", spec_of(1), fleet({serving("a"), serving("b", 700) | failed | draining(3s)}),
       "delete b:stopped"},
      {"a pod that is being deleted already is left to it", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s) | evicting(200) | terminating}), ""},
      {"two drains: the older one is lowered first", spec_of(1),
       fleet({serving("a"), serving("b", 400) | draining(60s) | evicting(200), serving("c", 400) | draining(15s)}),
       "order b:100"},
      {"two drains: then the younger one gets its share", spec_of(1),
       fleet({serving("a"), serving("b", 400) | draining(60s) | evicting(100), serving("c", 400) | draining(15s)}),
       "order c:100"},
  });
}

TEST_CASE("plan_gateway takes pods back before it makes new ones") {
  check({
      {"a pod that still propagates comes back by its labels alone", spec_of(2),
       fleet({serving("a"), serving("b", 800) | draining(3s)}), "take back b"},
      {"an evicting gateway is told first", spec_of(2),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200)}), "take back b and tell it"},
      {"the one with the most connections is worth most", spec_of(2),
       fleet({serving("a"), serving("b", 3) | draining(3s), serving("c", 800) | draining(3s)}), "take back c"},
      {"what is still missing is made", spec_of(4), fleet({serving("a"), serving("b", 800) | draining(3s)}),
       "take back b, create 2"},
      {"an empty pod that is about to go is as good as a new one", spec_of(2),
       fleet({serving("a"), serving("b", 0) | draining(60s) | evicting(200)}), "take back b and tell it"},
      {"a pod that cannot be told stays in its drain", spec_of(2),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200) | unreachable}), "create 1"},
      {"a pod that is not ready helps nobody", spec_of(2),
       fleet({serving("a"), serving("b", 800) | unready | draining(20s) | evicting(200)}), "create 1"},
      {"a pod past its deadline goes", spec_of(2), fleet({serving("a"), serving("b", 800) | draining(30min)}),
       "delete b:timed out, create 1"},
      {"a gateway whose pod was taken back but that still drains is told again", spec_of(1),
       fleet({serving("a", 5) | draining(20s) | evicting(200) |
              [](PodView& pod) {
                pod.drain_annotated = false;
                pod.drain.reset();
                pod.state_label = "active";
                pod.traffic_label = "on";
              }}),
       "undrain a"},
  });
}

TEST_CASE("plan_gateway rolls one pod at a time") {
  check({
      {"a new template: one pod more", spec_of(2), fleet({serving("a") | old_revision, serving("b") | old_revision}),
       "create 1"},
      {"nothing drains before the new pod is available", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 1) | old_revision, serving("c") | young}), ""},
      {"then the emptiest old pod drains", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 1) | old_revision, serving("c")}), "start b:Rollout"},
      {"an old pod that serves nobody goes first and at once", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | unready, serving("c") | young}),
       "start b:Rollout"},
      {"while an old pod drains the next new one is made, not taken back", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | draining(3s, DrainReason::kRollout),
              serving("c")}),
       "create 1"},
      {"no more drains than allowed", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | draining(3s, DrainReason::kRollout),
              serving("c"), serving("d")}),
       ""},
      {"the last old pod drains, and that is all", spec_of(2),
       fleet({serving("a", 3) | old_revision, serving("c"), serving("d")}), "start a:Rollout"},
      {"a surge pod of an abandoned template that never started goes without a drain", spec_of(2),
       fleet({serving("a"), serving("b"), serving("c") | old_revision | pending}),
       "delete c:never started if unchanged"},
      {"a scale-down in the middle takes old pods first", spec_of(1),
       fleet({serving("a", 900) | old_revision, serving("b", 1), serving("c", 2)}), "start a:ScaleDown"},
      {"a refused template starts no rollout", spec_of(2),
       fleet({serving("a") | old_revision, serving("b") | old_revision}) |
           [](Observed& s) { s.template_error = "spec.containers[0].image: Required value"; },
       ""},
      {"a scale-up in the middle takes the draining old pod back", spec_of(3),
       fleet({serving("a", 3) | old_revision, serving("b", 9) | old_revision | draining(3s, DrainReason::kRollout),
              serving("c")}),
       "take back b, create 1"},
  });
}

TEST_CASE("plan_gateway drains a gateway that is deleted") {
  check({
      {"all its pods at once", spec_of(2), fleet({serving("a", 3), serving("b", 9)}) | deleting,
       "start a:Delete, start b:Delete"},
      {"drains that run already go on", spec_of(2), fleet({serving("a", 3) | draining(3s), serving("b", 9)}) | deleting,
       "start b:Delete"},
      {"the budget of one receiver for all of them", spec_of(2),
       fleet({serving("a", 300) | draining(20s, DrainReason::kDelete),
              serving("b", 100) | draining(20s, DrainReason::kDelete)}) |
           deleting,
       "order a:150, order b:50"},
      {"pods that never started just go", spec_of(2), fleet({serving("a") | pending}) | deleting,
       "delete a:never started if unchanged"},
      {"the finalizer waits for the last pod to be gone", spec_of(2), fleet({serving("a") | terminating}) | deleting,
       ""},
      {"the finalizer is removed last", spec_of(2), fleet({}) | deleting, "remove finalizer"},
      {"without our finalizer nothing is ours to do", spec_of(2),
       fleet({serving("a")}) | deleting | [](Observed& s) { s.finalized = false; }, ""},
      {"a deletion is never taken back, whatever the replicas say", spec_of(9),
       fleet({serving("a", 3) | draining(3s, DrainReason::kDelete)}) | deleting, ""},
  });
}

TEST_CASE("plan_gateway puts right what somebody has changed") {
  check({
      {"a draining pod put back into the endpoints by hand", spec_of(1),
       fleet({serving("a"), serving("b", 9) | draining(3s) | [](PodView& pod) { pod.traffic_label = "on"; }}),
       "relabel b draining"},
      {"a serving pod taken out of the endpoints by hand", spec_of(1),
       fleet({serving("a") | [](PodView& pod) { pod.traffic_label = "off"; }}), "relabel a active"},
      {"labels without the decision are no drain", spec_of(1),
       fleet({serving("a") | [](PodView& pod) { pod.state_label = "draining"; }}), "relabel a active"},
      {"a gray pod's labels are not ours", spec_of(1),
       fleet({serving("a") |
              [](PodView& pod) {
                pod.state_label = "gray";
                pod.traffic_label = "off";
              }}),
       ""},
      {"a record that cannot be read begins again", spec_of(1),
       fleet({serving("a"), serving("b", 9) | draining(3s) | [](PodView& pod) { pod.drain.reset(); }}),
       "start b:ScaleDown"},
      {"a pod is written to once a round", spec_of(0),
       fleet({serving("a") | [](PodView& pod) { pod.traffic_label = "off"; }}), "start a:ScaleDown"},
  });
}

TEST_CASE("a plan wakes when time alone makes a difference") {
  struct Wake {
    const char* name;
    Observed seen;
    std::optional<Duration> wake;
  };
  const Wake rows[] = {
      {"at rest only an event matters", fleet({serving("a")}), std::nullopt},
      {"at the end of propagation", fleet({serving("a"), serving("b") | draining(3s)}), 12s},
      {"at the deadline", fleet({serving("a"), serving("b", 9) | draining(20min) | evicting(200)}), 10min},
      {"when a ready pod becomes available", fleet({serving("a") | young}), 8s},
      {"when a failed pod may be replaced", fleet({serving("a") | failed | young}), 7s},
      {"when a silent gateway may be asked again",
       fleet({serving("a"), serving("b", 9) | draining(20s) | evicting(200) | unreachable}), kAdminRetry},
  };
  for (const Wake& row : rows) {
    CAPTURE(row.name);
    CHECK(plan_gateway(spec_of(1), row.seen, kNoon).wake_after == row.wake);
  }
}

TEST_CASE("a started drain carries its deadline, cost and runner-up") {
  GatewaySpec spec = spec_of(1);
  spec.drain_timeout = 10min;
  const Plan plan = plan_gateway(spec, fleet({serving("a", 9), serving("b", 3)}), kNoon);
  REQUIRE(plan.start.size() == 1);
  CHECK(plan.start[0].record.started_at == kNoon);
  CHECK(plan.start[0].record.deadline == kNoon + 10min);
  CHECK(plan.start[0].cost == 3);
  CHECK(plan.start[0].runner_up == "a");
  CHECK(plan.start[0].runner_up_cost == 9);
  CHECK(plan.start[0].pod.resource_version == "7");
}

}  // namespace sluice::op
