#include "operator/plan.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

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
      {"no pod is made for a while after one was refused", spec_of(3),
       fleet({serving("a")}) | [](Observed& s) { s.creates_held = 4s; }, ""},
      {"zero replicas of nothing", spec_of(0), fleet({}), ""},
  });
}

TEST_CASE("plan_gateway chooses whom to drain") {
  const auto two_at_once = [](int replicas) {
    GatewaySpec spec = spec_of(replicas);
    spec.scale_down.concurrent_drains_max = 2;
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
       "delete b:never started"},
      {"pods that never started do not wait for a drain's place", spec_of(0),
       fleet({serving("a", 9) | draining(1s), serving("b") | pending, serving("c") | pending}),
       "delete b:never started, delete c:never started"},
      {"a pod that is not ready goes first, but it is drained", spec_of(1),
       fleet({serving("a", 1), serving("b", 500) | unready}), "start b:ScaleDown"},
      {"draining pods do not count as replicas", spec_of(1), fleet({serving("a", 9), serving("b", 3) | draining(1s)}),
       ""},
  });
}

TEST_CASE("a hundred drains at once are begun in rounds that can be asked in time") {
  GatewaySpec spec = spec_of(1);
  spec.scale_down.concurrent_drains_max = 100;
  std::vector<PodView> pods;
  pods.reserve(101);
  for (int i = 0; i < 101; ++i) pods.push_back(serving(("p" + std::to_string(100 + i)).c_str(), i));
  Observed seen = fleet(pods);
  seen.choosing_for = 0ms;
  CHECK(words(plan_gateway(spec, seen, kNoon)) == "ask " + std::to_string(kVictimCandidatesMax));
  seen.choosing_for = kStateFresh;
  const Plan plan = plan_gateway(spec, seen, kNoon);
  CHECK(plan.start.size() == kVictimCandidatesMax - 1);
  CHECK(plan.states_wanted.empty());
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
       "record a:150, record b:50"},
      {"pods that never started just go", spec_of(2), fleet({serving("a") | pending}) | deleting,
       "delete a:never started"},
      {"the finalizer waits for the last pod to be gone", spec_of(2), fleet({serving("a") | terminating}) | deleting,
       ""},
      {"the finalizer is removed last", spec_of(2), fleet({}) | deleting, "remove finalizer"},
      {"without our finalizer nothing is ours to do", spec_of(2),
       fleet({serving("a")}) | deleting | [](Observed& s) { s.finalized = false; }, ""},
      {"a deletion is never taken back, whatever the replicas say", spec_of(9),
       fleet({serving("a", 3) | draining(3s, DrainReason::kDelete)}) | deleting, ""},
  });
}

TEST_CASE("plan_gateway leaves the pods of a gateway that is deleted without them") {
  const auto orphaned = [](Observed& seen) { seen.deleting = seen.orphaned = true; };
  check({
      {"nothing is drained, ordered or deleted", spec_of(2),
       fleet({serving("a", 3), serving("b") | pending, serving("c") | failed,
              serving("d", 300) | draining(20s) | evicting(50), serving("e", 300) | draining(31min)}) |
           orphaned,
       ""},
      {"the finalizer goes once no pod is ours any more", spec_of(2), fleet({}) | orphaned, "remove finalizer"},
  });
}

TEST_CASE("plan_gateway makes no choice while a write's outcome is not known") {
  const auto unsure = [](Observed& seen) { seen.unsure = true; };
  check({
      {"no second victim", spec_of(1), fleet({serving("a", 9), serving("b", 3)}) | unsure, ""},
      {"no pod that never started goes", spec_of(1), fleet({serving("a", 9), serving("b") | pending}) | unsure, ""},
      {"who is out of the endpoints stays so", spec_of(1),
       fleet({serving("a", 9) | [](PodView& pod) { pod.traffic_label = "off"; }}) | unsure, ""},
      {"drains go on", spec_of(1),
       fleet({serving("a", 9), serving("b", 3), serving("c", 800) | draining(15s) | recorded(400)}) | unsure,
       "order c:400"},
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
      {"labels that no record of its health asks for", spec_of(1),
       fleet({serving("a") |
              [](PodView& pod) {
                pod.state_label = "gray";
                pod.traffic_label = "off";
              }}),
       "relabel a active"},
      {"a record that cannot be read begins again", spec_of(1),
       fleet({serving("a"), serving("b", 9) | draining(3s) | [](PodView& pod) { pod.drain.reset(); }}),
       "start b:ScaleDown"},
      {"a pod is written to once a round", spec_of(0),
       fleet({serving("a") | [](PodView& pod) { pod.traffic_label = "off"; }}), "start a:ScaleDown"},
  });
}

TEST_CASE("a started drain carries its deadline, cost and runner-up") {
  GatewaySpec spec = spec_of(1);
  spec.drain.timeout = 10min;
  const Plan plan = plan_gateway(spec, fleet({serving("a", 9), serving("b", 3)}), kNoon);
  REQUIRE(plan.start.size() == 1);
  CHECK(plan.start[0].record.started_at == kNoon);
  CHECK(plan.start[0].record.deadline == kNoon + 10min);
  CHECK(plan.start[0].cost == 3);
  CHECK(plan.start[0].runner_up == "a");
  CHECK(plan.start[0].runner_up_cost == 9);
  CHECK(plan.start[0].pod.resource_version == "7");
}

TEST_CASE("plan_gateway replaces pods that are asked to go before they go") {
  const auto asked = [](DrainReason reason) { return [reason](PodView& pod) { pod.asked_to_go = reason; }; };
  const PodView on_cordoned = serving("a", 5) | asked(DrainReason::kNodeDrain);
  check({
      {"a new one is made first", spec_of(2), fleet({on_cordoned, serving("b", 9)}), "create 1"},
      {"and once it is available the pod drains", spec_of(2), fleet({on_cordoned, serving("b", 9), serving("c")}),
       "start a:NodeDrain"},
      {"whatever others cost", spec_of(2), fleet({on_cordoned, serving("b", 0), serving("c", 0)}), "start a:NodeDrain"},
      {"a pod in podsToDrain likewise", spec_of(2),
       fleet({serving("a", 5) | asked(DrainReason::kRequested), serving("b", 9), serving("c")}), "start a:Requested"},
      {"it is not taken back", spec_of(2),
       fleet({on_cordoned | draining(3s, DrainReason::kNodeDrain), serving("b", 9)}), "create 1"},
  });
}

TEST_CASE("pods that are asked to go are replaced by what they are while a rollout is held") {
  const auto asked = [](PodView& pod) { pod.asked_to_go = DrainReason::kNodeDrain; };
  const PodView a = serving("a", 5) | old_revision | asked, b = serving("b", 9) | old_revision, n = serving("n", 9);
  const auto rolling_out = [](Observed& seen) {
    seen.former_revision = "old";
    seen.current_revision = "old";
  };
  GatewaySpec partition = spec_of(2);
  partition.rollout.partition = IntOrPercent::pods(2);
  GatewaySpec paused = spec_of(2);
  paused.paused = true;
  check({
      {"at the partition", partition, fleet({a, b}) | rolling_out, "create 1 (1 former)"},
      {"and then it drains", partition, fleet({a, b, serving("c") | old_revision}) | rolling_out, "start a:NodeDrain"},
      {"in a pause", paused, fleet({a, n}) | rolling_out, "create 1 (1 former)"},
      {"one of the newest by a former one, since a held rollout makes no more", paused,
       fleet({b, n | asked}) | rolling_out, "create 1 (1 former)"},
  });
}

TEST_CASE("a drain whose cause is gone is taken back") {
  const auto asked = [](PodView& pod) { pod.asked_to_go = DrainReason::kNodeDrain; };
  const auto node_known = [](PodView& pod) { pod.node_known = true; };
  const auto drains = [](DrainReason reason) { return serving("a", 700) | draining(20s, reason) | evicting(400); };
  const auto nearly_done = [](PodView& pod) { pod.state->drain->remaining = 70; };
  const auto watched = [](Observed& seen) { seen.evictions_known = true; };
  const PodView b = serving("b", 9);
  const PodView c = serving("c");
  GatewaySpec final = spec_of(2);
  final.drain.reversible = false;
  GatewaySpec three_at_once = spec_of(2);
  three_at_once.scale_down.concurrent_drains_max = 3;
  check({
      {"its node is in use again, though another pod has its place", spec_of(2),
       fleet({drains(DrainReason::kNodeDrain) | node_known, b, c}), "take back a and tell it"},
      {"and the hold keeps that one's own drain from beginning at once", three_at_once,
       fleet({drains(DrainReason::kNodeDrain) | node_known, b, c, serving("d")}), "take back a and tell it"},
      {"its node is gone from sight: that says nothing", spec_of(2), fleet({drains(DrainReason::kNodeDrain), b, c}),
       ""},
      {"its node still goes", spec_of(2), fleet({drains(DrainReason::kNodeDrain) | node_known | asked, b, c}), ""},
      {"nearly done it goes on", spec_of(2), fleet({drains(DrainReason::kNodeDrain) | node_known | nearly_done, b, c}),
       ""},
      {"podsToDrain does not name it any more", spec_of(2), fleet({drains(DrainReason::kRequested), b, c}),
       "take back a and tell it"},
      {"its eviction was withdrawn", spec_of(2), fleet({drains(DrainReason::kEviction), b, c}) | watched,
       "take back a and tell it"},
      {"nobody watches evictions", spec_of(2), fleet({drains(DrainReason::kEviction), b, c}), ""},
      {"drains are final here", final, fleet({drains(DrainReason::kNodeDrain) | node_known, b, c}), ""},
      {"a scale-down has no cause that could go", spec_of(2),
       fleet({drains(DrainReason::kScaleDown) | node_known, b, c}), ""},
  });
}

TEST_CASE("after a drain was taken back none begins for a while") {
  const auto reversed = [](Duration ago) { return [ago](Observed& seen) { seen.reversed_ago = ago; }; };
  const auto asked = [](DrainReason reason) { return [reason](PodView& pod) { pod.asked_to_go = reason; }; };
  const Observed surplus = fleet({serving("a", 5), serving("b", 9)});
  const Observed old = fleet({serving("a", 5) | old_revision, serving("b", 9), serving("c", 9)});
  check({
      {"no scale-down", spec_of(1), surplus | reversed(29s), ""},
      {"until the hold is over", spec_of(1), surplus | reversed(30s), "start a:ScaleDown"},
      {"no rollout", spec_of(2), old | reversed(1s), ""},
      {"nor one that a person asks for", spec_of(2),
       fleet({serving("a", 5) | asked(DrainReason::kRequested), serving("b", 9), serving("c", 9)}) | reversed(1s), ""},
      {"a node does not wait", spec_of(2),
       fleet({serving("a", 5) | asked(DrainReason::kNodeDrain), serving("b", 9), serving("c", 9)}) | reversed(1s),
       "start a:NodeDrain"},
  });
  CHECK(plan_gateway(spec_of(1), surplus | reversed(29s), kNoon).wake_after == Duration(1s));
}

TEST_CASE("pods that are asked to go are the first that a scale-down takes") {
  const auto asked = [](PodView& pod) { pod.asked_to_go = DrainReason::kNodeDrain; };
  check({{"though they have most", spec_of(2),
          fleet({serving("a", 5), serving("b", 900) | asked, serving("c", 7), serving("d", 8)}), "start b:ScaleDown"}});
}

TEST_CASE("the capacity guard asks nobody for a state as long as it objects") {
  GatewaySpec spec = spec_of(1);
  spec.capacity.connections_per_pod = 1000;
  const auto just_come_up = [](Observed& seen) { seen.choosing_for = 0ms; };
  check({
      {"it knows already", spec, fleet({serving("a", 600), serving("b", 500)}) | just_come_up, ""},
      {"a pod that is not ready may go", spec, fleet({serving("a", 600), serving("b", 500) | unready}),
       "start b:ScaleDown"},
      {"a pod that never ran may go", spec, fleet({serving("a", 600), serving("b", 500), serving("c") | pending}),
       "delete c:never started"},
      {"a new leader waits until it knows what all hold", spec, fleet({serving("a") | unheard, serving("b", 5)}), ""},
  });
  GatewaySpec none = spec;
  none.replicas = 0;
  check({{"where nobody is wanted nobody is spared", none, fleet({serving("a", 950)}), "start a:ScaleDown"}});
}

TEST_CASE("no drain begins that would fill the others beyond the guard") {
  GatewaySpec spec = spec_of(1);
  spec.capacity.connections_per_pod = 1000;
  const Plan refused = plan_gateway(spec, fleet({serving("a", 600), serving("b", 500)}), kNoon);
  CHECK(words(refused) == "");
  CHECK(refused.objection.find("1100 connections") != std::string::npos);
  CHECK(words(plan_gateway(spec, fleet({serving("a", 600), serving("b", 300)}), kNoon)) == "start b:ScaleDown");
  // A pod that has been replaced leaves as many as were asked for, however full they are.
  CHECK(words(plan_gateway(spec, fleet({serving("a", 1200) | old_revision, serving("n", 0)}), kNoon)) ==
        "start a:Rollout");
  // And who lets a rollout take all pods at once has asked for that.
  GatewaySpec at_once = spec;
  at_once.rollout.surge = IntOrPercent::pods(0);
  at_once.rollout.unavailable = IntOrPercent::pods(1);
  CHECK(words(plan_gateway(at_once, fleet({serving("a", 600) | old_revision}), kNoon)) == "start a:Rollout");
}

}  // namespace sluice::op
