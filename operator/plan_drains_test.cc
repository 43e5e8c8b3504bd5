#include "operator/plan_drains.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"
#include "operator/releases.h"

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

TEST_CASE("plan_gateway drives a drain through its phases") {
  const auto with_rate = [](double rate) {
    GatewaySpec spec = spec_of(1);
    spec.budget.per_receiver = rate;
    return spec;
  };
  check({
      {"Propagating: nothing is asked of the gateway yet", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(14s)}), ""},
      {"Evicting: its share is the whole budget of one receiver, which is recorded first", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(15s)}), "record b:200"},
      {"Evicting: then the gateway gets it", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(15s) | recorded(200)}), "order b:200"},
      {"Evicting: an order that holds is not repeated", spec_of(1),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200)}), ""},
      {"Evicting: a restarted gateway is told again", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(20s) | recorded(200)}), "order b:200"},
      {"Evicting: a smaller budget takes effect", with_rate(50),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200)}), "order b:50"},
      {"Evicting: less is recorded once it is known to be in effect", with_rate(50),
       fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(50) | recorded(200)}), "record b:50"},
      {"Evicting: a little more than is recorded is not worth a write", with_rate(104),
       fleet({serving("a"), serving("b", 800) | draining(20s) | recorded(100)}), "order b:100"},
      {"Drained: zero by the gateway's own word", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s) | evicting(200)}), "delete b:drained"},
      {"zero before the drain was accepted is no proof", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(60s) | recorded(200)}), "order b:200"},
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
      {"TimedOut: zero because the deadline has closed them", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(30min + 150ms) | evicting(200)}), "delete b:timed out"},
      {"Drained: zero was reported before the deadline", spec_of(1),
       fleet({serving("a"), serving("b", 0) | draining(30min + 150ms) | evicting(200) | empty_for(200ms)}),
       "delete b:drained"},
      {"a crashed container has no connections, once its endpoints are gone", spec_of(1),
       fleet({serving("a"), serving("b", 700) | crashed | draining(16s)}), "delete b:stopped"},
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
       fleet({serving("a"), serving("b", 400) | draining(60s) | evicting(100),
              serving("c", 400) | draining(15s) | recorded(100)}),
       "order c:100"},
  });
}

TEST_CASE("a new leader keeps to the budget") {
  const PodView a = serving("a");
  const PodView c = serving("c", 400) | draining(20s) | recorded(200);
  check({
      {"a new leader orders nothing before every draining pod has been heard", spec_of(1),
       fleet({a, serving("b", 400) | draining(60s) | recorded(150) | unheard, c}), ""},
      {"a pod that cannot be asked yet does not keep the others", spec_of(1),
       fleet({a, c, serving("b", 400) | draining(60s) | unheard | [](PodView& pod) { pod.address.clear(); }}),
       "order c:200"},
      {"a pod never heard and out of reach reserves what is recorded for it, and no more", spec_of(1),
       fleet({a, serving("b", 400) | draining(60s) | recorded(150) | unheard | unreachable, c}), "order c:50"},
      {"a pod never heard and out of reach that was granted nothing reserves nothing", spec_of(1),
       fleet({a, serving("b", 400) | draining(60s) | unheard | unreachable, c}), "order c:200"},
      {"a rate that somebody has made unreadable may be the whole budget", spec_of(1),
       fleet({a, serving("b", 400) | draining(60s) | recorded(1e9) | unheard | unreachable, c}), ""},
      {"a pod heard at last has the rate that it says", spec_of(1),
       fleet({a, serving("b", 400) | draining(60s) | evicting(100) | recorded(150), c}), "record b:100, order c:100"},
  });
}

TEST_CASE("rates outside the evicting pods count") {
  const PodView a = serving("a");
  const PodView b = serving("b", 800) | draining(20s) | evicting(150);
  const PodView c = serving("c", 400) | draining(20s) | recorded(200);
  GatewaySpec longer = spec_of(1);
  longer.drain.propagation_delay = 30s;
  check({
      {"what is taken back keeps its rate until its gateway has answered", spec_of(2), fleet({a, b, c}),
       "take back b and tell it, order c:50"},
      {"propagation made longer under way", longer, fleet({a, b, serving("c", 400) | draining(40s) | recorded(200)}),
       "order c:50"},
      {"a record that cannot be read", spec_of(1), fleet({a, b | [](PodView& pod) { pod.drain.reset(); }, c}),
       "start b:ScaleDown, order c:50"},
      {"a gateway that drains though its pod does not", spec_of(1), fleet({b | not_draining | unready, c}),
       "order c:50, undrain b"},
      {"a container that does not run releases nothing", spec_of(1), fleet({a, b | not_draining | crashed, c}),
       "order c:200"},
      {"a pod that is being deleted is no drain of ours", spec_of(1), fleet({a, b | terminating, c}), "order c:200"},
  });
}

TEST_CASE("a pod that terminates has a share of the budget") {
  const PodView a = serving("a");
  const PodView b = serving("b", 400) | deleted(20s);
  const PodView c = serving("c", 400) | draining(20s) | evicting(200);
  const auto spec = spec_of(1);
  check({
      {"what its own drain has is lowered to its part, recorded or not", spec, fleet({a, b | by_itself(300)}),
       "record b:200, order b:200"},
      {"what it has counts: the drain beside it is lowered first", spec, fleet({a, b | by_itself(2), c}),
       "record b:2, order c:100"},
      {"then it gets its part", spec,
       fleet({a, b | by_itself(2) | recorded(100), serving("c", 400) | draining(20s) | evicting(100)}), "order b:100"},
      {"one that has not been told to end yet is told its part before it runs off", spec, fleet({a, b | recorded(200)}),
       "order b:200"},
      {"nobody is left on it: it is nobody's business", spec,
       fleet({a, serving("b", 0) | deleted(20s) | by_itself(2), c}), ""},
      {"a zero from before its drain is no proof", spec, fleet({a, serving("b", 0) | deleted(20s) | recorded(200)}),
       "order b:200"},
      {"it was closed by its drain's deadline", spec,
       fleet({a, serving("b", 400) | draining(31min) | evicting(200) | deleted(1s), c}), ""},
      {"its grace period is over", spec, fleet({a, serving("b", 400) | deleted(10min) | by_itself(100), c}), ""},
      {"its container has ended", spec, fleet({a, b | by_itself(100) | crashed, c}), ""},
      {"out of reach: what it needs, which is more than the budget, is not for the drain beside it", spec,
       fleet({a, serving("b", 400'000) | deleted(20s) | unreachable, c}), ""},
      {"out of reach it keeps what it has", spec, fleet({a, b | by_itself(120) | unreachable, c}), "order c:80"},
      {"a new leader asks it before it orders anything", spec, fleet({a, b | unheard, c | evicting(100)}), ""},
  });
  const auto deadline_of = [](const GatewaySpec& as, const PodView& pod) { return release_deadline(pod, as) - kNoon; };
  GatewaySpec waits = spec;
  waits.drain.on_timeout = OnTimeout::kWait;
  CHECK(deadline_of(spec, b) == 460s);
  CHECK(deadline_of(spec, b | draining(25min)) == 5min);
  CHECK(deadline_of(waits, b | draining(25min)) == 460s);
  CHECK(deadline_of(spec, b | draining(25min) | frozen(10min)) == 460s);
  GatewaySpec held = spec;
  held.drain_freeze = true;
  check({{"a freeze does not reach it", held, fleet({a, b | by_itself(2) | recorded(200)}), "order b:200"}});
  GatewaySpec small = spec;
  small.budget.per_receiver = 0.5;
  check({
      {"what it needs to be done in time it gets, though that be all", small,
       fleet({a, b | by_itself(1.02) | recorded(1.02), serving("c", 400) | draining(20s) | evicting(0.25)}),
       "order b:1, order c:0"},
  });
}

TEST_CASE("a drain's terms are what the spec says now") {
  GatewaySpec spec = spec_of(1);
  spec.drain.close_code = 1001;
  spec.drain.hint_jitter = 5s;
  const Observed seen = fleet({serving("a"), serving("b", 800) | draining(20s) | evicting(200)});
  Plan plan = plan_gateway(spec, seen, kNoon);
  REQUIRE(plan.orders.size() == 1);
  CHECK(plan.orders[0].terms ==
        DrainTerms{.reason = "ScaleDown", .deadline = kNoon - 20s + 30min, .close_code = 1001, .hint_jitter = 5s});

  spec = spec_of(1);
  spec.drain.on_timeout = OnTimeout::kWait;
  plan = plan_gateway(spec, seen, kNoon);
  REQUIRE(plan.orders.size() == 1);
  CHECK(plan.orders[0].terms.deadline > kNoon + std::chrono::hours(24 * 300));

  plan = plan_gateway(spec_of(1), fleet({serving("a"), serving("b", 100) | deleted(60s) | recorded(200)}), kNoon);
  REQUIRE(plan.orders.size() == 1);
  CHECK(plan.orders[0].terms.reason == "Terminating");
  CHECK(plan.orders[0].terms.deadline == kNoon + 7min);  // Four fifths of ten minutes, one of which is over.
}

TEST_CASE("drainFreeze holds a drain where it was") {
  GatewaySpec held = spec_of(1);
  held.drain_freeze = true;
  GatewaySpec more = held;
  more.replicas = 2;
  const PodView a = serving("a");
  const PodView b = serving("b", 800) | draining(60s) | evicting(200);
  check({
      {"first it is written down", held, fleet({a, b}), "freeze b"},
      {"then the gateway is told", held, fleet({a, b | frozen(1s)}), "undrain b"},
      {"again, where it did not hear", held, fleet({a, b | frozen(1s) | unreachable}), ""},
      {"frozen it stays", held,
       fleet({a, b | frozen(10min) |
                     [](PodView& pod) {
                       pod.state->drain.reset();
                       pod.rate_possible = 0;
                     }}),
       ""},
      {"what was frozen stays so beyond its deadline", held,
       fleet({a, serving("b", 800) | draining(40min) | frozen(20min)}), ""},
      {"thawed it goes on", spec_of(1), fleet({a, b | frozen(10min)}), "thaw b"},
      {"one that still propagates is frozen, too", held, fleet({a, serving("b", 800) | draining(3s)}), "freeze b"},
      {"an empty one that is through goes", held, fleet({a, serving("b", 0) | draining(60s) | evicting(200)}),
       "delete b:drained"},
      {"a scale-up takes it back all the same", more, fleet({a, b | frozen(1s)}), "take back b and tell it"},
      {"none begins", held, fleet({a, serving("c", 3)}), ""},
      {"nor for a gateway that is deleted: its pods serve on", held, fleet({a}) | deleting, ""},
  });
  const Plan thawed = plan_gateway(spec_of(1), fleet({a, b | frozen(10min)}), kNoon);
  REQUIRE(thawed.rewrite.size() == 1);
  CHECK(thawed.rewrite[0].record.deadline == b.drain->deadline + 10min);
  CHECK(thawed.rewrite[0].record.started_at == b.drain->started_at + 10min);
  const Plan waiting = plan_gateway(held, fleet({a, serving("c", 3)}), kNoon);
  CHECK(waiting.objection_reason == std::string("DrainFreeze"));
  CHECK(waiting.states_wanted.empty());
}

TEST_CASE("onTimeout Wait goes on at its pace") {
  GatewaySpec spec = spec_of(1);
  spec.drain.on_timeout = OnTimeout::kWait;
  GatewaySpec more = spec;
  more.replicas = 2;
  const auto never = [](PodView& pod) {
    pod.state->drain->deadline = pod.ordered->deadline = pod.drain->started_at + std::chrono::hours(24 * 365);
  };
  const PodView a = serving("a");
  const PodView late = serving("b", 700) | draining(31min) | evicting(200) | never;
  check({
      {"past its deadline it is not deleted", spec, fleet({a, late}), ""},
      {"its rate is ordered as before", spec,
       fleet({a, late |
                     [](PodView& pod) {
                       pod.rate_possible = 50;
                       pod.state->drain->rate = 50;
                     }}),
       "order b:200"},
      {"out of reach it stays", spec, fleet({a, late | unreachable | stale(5min)}), ""},
      {"nobody left: it goes", spec, fleet({a, serving("b", 0) | draining(31min) | evicting(200) | never}),
       "delete b:drained"},
      {"its container has stopped", spec, fleet({a, late | crashed}), "delete b:stopped"},
      {"a freeze stops it",
       [&] {
         GatewaySpec f = spec;
         f.drain_freeze = true;
         return f;
       }(),
       fleet({a, late}), "freeze b"},
      {"it is taken back", more, fleet({a, late}), "take back b and tell it"},
      {"made Close it goes at once", spec_of(1), fleet({a, late}), "delete b:timed out"},
  });
  CHECK(phase_of(late, spec, kNoon) == DrainPhase::kTimedOut);
}

TEST_CASE("a drain that its deadline has cut says how many connections it closed") {
  struct End {
    const char* name;
    PodView pod;
    std::optional<std::int64_t> connections;
  };
  const auto last_had = [](std::int64_t count) { return [count](PodView& pod) { pod.last_count = count; }; };
  const auto silent = [](PodView& pod) { pod.state.reset(); };
  const End rows[] = {
      {"as it says", serving("b", 700) | draining(30min) | evicting(200), 700},
      {"as it said last, where the deadline was faster",
       serving("b", 0) | draining(30min + 150ms) | evicting(200) | last_had(3), 3},
      {"it never said how many", serving("b", 0) | draining(30min + 150ms) | evicting(200), std::nullopt},
      {"it never answered", serving("b", 0) | draining(30min) | silent | unreachable, std::nullopt},
      {"none, where it was empty before and then fell silent",
       serving("b", 0) | draining(30min) | evicting(200) | last_had(3) | stale(5s) | empty_for(9s), 0},
  };
  for (const End& row : rows) {
    CAPTURE(row.name);
    const Plan plan = plan_gateway(spec_of(1), fleet({serving("a"), row.pod}), kNoon);
    REQUIRE(plan.remove.size() == 1);
    CHECK(plan.remove[0].reason == DeleteReason::kTimedOut);
    CHECK(plan.remove[0].connections == row.connections);
  }
}

TEST_CASE("an order holds or is given") {
  struct Hold {
    const char* name;
    double rate_reported;
    double rate_possible;
    Duration deadline_reported;  // Past the record's.
    std::optional<Duration> deadline_ordered;
    bool holds;
  };
  const Hold rows[] = {
      {"as ordered", 200, 200, 0ms, 0ms, true},
      {"a new leader finds it as it should be", 200, 200, 0ms, std::nullopt, true},
      {"reported in whole seconds", 200, 200, -900ms, 0ms, true},
      {"another rate", 100, 100, 0ms, 0ms, false},
      {"a lost call may have granted more", 200, 300, 0ms, 0ms, false},
      {"the gateway terminates and has cut its deadline: told again it would cut it again", 200, 200, -20min, 0ms,
       true},
      {"a new leader does not know why the deadline is earlier, and tells it once", 200, 200, -20min, std::nullopt,
       false},
      {"the record has moved later since", 200, 200, -20min, -20min, false},
      {"the record has moved earlier since", 200, 200, 20min, 20min, false},
      {"later than it was ordered", 200, 200, 20min, 0ms, false},
  };
  const DrainTerms terms{.reason = "ScaleDown", .deadline = kNoon + 30min, .close_code = 1012, .hint_jitter = 30s};
  for (const Hold& row : rows) {
    CAPTURE(row.name);
    std::optional<DrainTerms> ordered;
    if (row.deadline_ordered) {
      ordered = terms;
      ordered->deadline += *row.deadline_ordered;
    }
    const GatewayDrain drain{.deadline = terms.deadline + row.deadline_reported, .rate = row.rate_reported};
    CHECK(order_holds({.connections = 5, .drain = drain}, row.rate_possible, ordered, terms, 200) == row.holds);
  }
  CHECK_FALSE(order_holds({.connections = 5, .drain = std::nullopt}, 0, terms, terms, 200));
  // What a gateway does not report is told again where it has changed.
  const GatewayDrain drain{.deadline = terms.deadline, .rate = 200};
  DrainTerms before = terms;
  before.close_code = 1001;
  CHECK_FALSE(order_holds({.connections = 5, .drain = drain}, 200, before, terms, 200));
  before = terms;
  before.hint_jitter = 1s;
  CHECK_FALSE(order_holds({.connections = 5, .drain = drain}, 200, before, terms, 200));
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
       fleet({serving("a", 5) | draining(20s) | evicting(200) | not_draining}), "undrain a"},
      {"a pod that propagates again is told where it may have been ordered", spec_of(2),
       fleet({serving("a"), serving("b", 800) | draining(3s) | recorded(200) | unheard}), "take back b and tell it"},
      {"a rate that an ended drain has left behind is forgotten", spec_of(1), fleet({serving("a", 5) | recorded(200)}),
       "relabel a active"},
      {"but not before its gateway says so", spec_of(1), fleet({serving("a", 5) | recorded(200) | unheard}), ""},
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
      {"when the last refusal of a pod is long enough ago", fleet({}) | [](Observed& s) { s.creates_held = 4s; }, 4s},
      {"when a silent gateway may be asked again",
       fleet({serving("a"), serving("b", 9) | draining(20s) | evicting(200) | unreachable}), kAdminRetry},
  };
  for (const Wake& row : rows) {
    CAPTURE(row.name);
    CHECK(plan_gateway(spec_of(1), row.seen, kNoon).wake_after == row.wake);
  }
}

}  // namespace sluice::op
