#include "operator/drain_conditions.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"
#include "operator/status.h"

namespace sluice::op {

using namespace testing;

namespace {

using kube::Json;

Json gateway() {
  return Json::parse(R"({"metadata":{"name":"edge","namespace":"live","uid":"u-1","generation":4}})");
}

Condition find(const char* type, const GatewaySpec& spec, const Observed& seen, const Json& before = gateway()) {
  const Plan plan = plan_gateway(spec, seen, kNoon);
  for (Condition& condition : drain_conditions(before, spec, seen, plan, kNoon)) {
    if (std::string_view(condition.type) == type) return condition;
  }
  FAIL("no condition ", type);
  return {};
}

GatewaySpec waiting(int replicas) {
  GatewaySpec spec = spec_of(replicas);
  spec.drain.on_timeout = OnTimeout::kWait;
  return spec;
}

GatewaySpec frozen_spec(int replicas) {
  GatewaySpec spec = spec_of(replicas);
  spec.drain_freeze = true;
  return spec;
}

}  // namespace

TEST_CASE("Draining says what goes, why, until when and what it waits for") {
  struct Row {
    const char* name;
    GatewaySpec spec;
    std::vector<PodView> pods;
    const char* reason;
    const char* message;
  };
  const PodView a = serving("a", 1);
  const PodView b = serving("b", 10'000) | draining(20s) | evicting(200);
  const Row rows[] = {
      {"nothing", spec_of(1), {a}, "NoDrain", "no pod drains"},
      {"one",
       spec_of(1),
       {a, b},
       "PodsDraining",
       "b is Evicting (ScaleDown) with 10k connections left until 2026-11-23T12:29:40Z at the latest"},
      {"two",
       spec_of(1),
       {a, b, serving("c", 5) | draining(5s)},
       "PodsDraining",
       "b is Evicting (ScaleDown) with 10k connections left until 2026-11-23T12:29:40Z at the latest, and 1 more"},
      {"one that nobody has asked yet",
       spec_of(1),
       {a, serving("b") | draining(5s, DrainReason::kNodeDrain) | unheard},
       "PodsDraining",
       "b is Propagating (NodeDrain) with an unknown number of connections left until 2026-11-23T12:29:55Z at the "
       "latest"},
      {"frozen",
       frozen_spec(1),
       {a, b | frozen(10s)},
       "Frozen",
       "b stands still (ScaleDown) with 10k connections left since 2026-11-23T11:59:50Z, until spec.drainFreeze is "
       "false"},
      {"it may go on beyond its deadline",
       waiting(1),
       {a, b},
       "PodsDraining",
       "b is Evicting (ScaleDown) with 10k connections left until 2026-11-23T12:29:40Z, and beyond it if need be"},
      {"it does",
       waiting(1),
       {a, serving("b", 1) | draining(31min) | evicting(200)},
       "TimedOut",
       "b has passed its deadline (ScaleDown) with 1 connection left: it goes on, since drain.onTimeout is Wait; "
       "delete "
       "the pod to end it"},
      {"deleted by somebody",
       spec_of(1),
       {a, serving("b", 40) | deleted(60s) | by_itself(1)},
       "PodsDraining",
       "b is being deleted with 40 connections left: what is left at 2026-11-23T12:07:00Z is closed"},
      {"the budget is used by who does not answer",
       spec_of(1),
       {a, b | unreachable, serving("c", 5) | draining(60s)},
       "PodsDraining",
       "c waits for a share of the budget (ScaleDown) with 5 connections left, and 1 more"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Condition condition = find("Draining", row.spec, fleet(row.pods));
    CHECK(condition.reason == row.reason);
    CHECK(condition.message == row.message);
    CHECK(condition.holds == (condition.reason != "NoDrain"));
  }
}

TEST_CASE("DrainWillTimeOut says by how much, and what to change") {
  GatewaySpec short_time = spec_of(1);
  short_time.drain.timeout = 10min;
  GatewaySpec at_most = short_time;
  at_most.budget.max = 200;
  GatewaySpec wait = short_time;
  wait.drain.on_timeout = OnTimeout::kWait;
  const auto until = [](Duration deadline) {
    return [deadline](PodView& pod) {
      pod.drain->deadline = kNoon + deadline;
      if (pod.state->drain) pod.state->drain->deadline = pod.ordered->deadline = pod.drain->deadline;
    };
  };
  const PodView a = serving("a", 1);
  const auto b = [&](std::int64_t left, Duration deadline) {
    return serving("b", left) | draining(20s) | evicting(200) | until(deadline);
  };
  struct Row {
    const char* name;
    GatewaySpec spec;
    std::vector<PodView> pods;
    const char* message;  // Empty: it does not hold.
  };
  const Row rows[] = {
      {"in time", short_time, {a, b(100'000, 9min)}, ""},
      {"the budget is too small",
       short_time,
       {a, b(200'000, 9min)},
       "b has 200k connections left and gets 200/s: it would be done at 2026-11-23T12:18:00Z, 9m after its deadline, "
       "2026-11-23T12:09:00Z; what is left then is closed at once: raise reconnectBudget.perSecondPerReceiver, or "
       "drain.timeout for the drains to come"},
      {"its maximum is",
       at_most,
       {a, b(109'000, 9min)},
       "b has 109k connections left and gets 200/s: it would be done at 2026-11-23T12:10:00Z, 30s after its deadline, "
       "2026-11-23T12:09:00Z; what is left then is closed at once: raise reconnectBudget.perSecondMax, or "
       "drain.timeout "
       "for the drains to come"},
      {"it would go on",
       wait,
       {a, b(200'000, 9min)},
       "b has 200k connections left and gets 200/s: it would be done at 2026-11-23T12:18:00Z, 9m after its deadline, "
       "2026-11-23T12:09:00Z; it goes on past it (drain.onTimeout is Wait): raise "
       "reconnectBudget.perSecondPerReceiver, "
       "or drain.timeout for the drains to come"},
      {"told when it starts: propagation counts",
       short_time,
       {a, serving("b", 110'000) | draining(0s) | until(10min - 15s)},
       "b has 110k connections left and gets 200/s: it would be done at 2026-11-23T12:10:00Z, 10s after its deadline, "
       "2026-11-23T12:09:45Z; what is left then is closed at once: raise reconnectBudget.perSecondPerReceiver, or "
       "drain.timeout for the drains to come"},
      {"and so does the jitter",
       short_time,
       {a, serving("b", 1) | draining(0s) | until(40s)},
       "b has 1 connection left and gets 200/s: it would be done at 2026-11-23T12:01:00Z, 10s after its deadline, "
       "2026-11-23T12:00:40Z; what is left then is closed at once: raise reconnectBudget.perSecondPerReceiver, or "
       "drain.timeout for the drains to come"},
      {"nobody knows how many there are", short_time, {a, b(200'000, 9min) | unheard}, ""},
      {"frozen: its deadline moves on", frozen_spec(1), {a, b(200'000, 9min) | frozen(1s)}, ""},
      {"a pod that terminates gets what it needs",
       short_time,
       {a, serving("b", 500'000) | deleted(60s) | by_itself(1000)},
       ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Condition condition = find("DrainWillTimeOut", row.spec, fleet(row.pods));
    CHECK(condition.holds == (*row.message != '\0'));
    if (condition.holds) CHECK(condition.message == row.message);
  }

  // Once told it holds until there is some room: 1.05 * 102,000 / 200 s are 4.5 s less than the deadline.
  Json told = gateway();
  told["status"]["conditions"] = {{{"type", "DrainWillTimeOut"}, {"status", "True"}}};
  const Observed close = fleet({a, b(102'000, 540s)});
  CHECK_FALSE(find("DrainWillTimeOut", short_time, close).holds);
  CHECK(find("DrainWillTimeOut", short_time, close, told).holds);
  CHECK_FALSE(find("DrainWillTimeOut", short_time, fleet({a, b(90'000, 540s)}), told).holds);
}

TEST_CASE("BudgetExhausted says what uses the budget up") {
  GatewaySpec small = spec_of(1);
  small.budget.per_receiver = 1;
  const auto slow = [](PodView& pod) { pod.state->handshake_p99_seconds = 2.04; };
  const auto throttled = [](Observed& seen) { seen.throttle = 0.49; };
  const PodView a = serving("a", 1);
  const PodView b = serving("b", 1000) | draining(20s) | evicting(200);
  struct Row {
    const char* name;
    GatewaySpec spec;
    Observed seen;
    const char* reason;
    const char* message;
  };
  const Row rows[] = {
      {"nobody drains", spec_of(1), fleet({a}), "Enough", ""},
      {"a share for everybody", spec_of(1), fleet({a, b}), "Enough", ""},
      {"slow receivers are nobody's matter without a drain", spec_of(1), fleet({a | slow}) | throttled, "Enough", ""},
      {"slow receivers", spec_of(1), fleet({a | slow, b}) | throttled, "Throttled",
       "the receivers need up to 2s for a handshake (99th percentile; reconnectBudget.handshakeP99Max is 1s): drains "
       "get "
       "49% of the budget"},
      {"somebody does not answer", spec_of(1), fleet({a, b | unreachable, serving("c", 9) | draining(60s)}), "Reserved",
       "c waits: pods that do not answer, or were just taken back, may be using up the budget of 200/s"},
      {"pods that terminate", small,
       fleet({a, serving("b", 4140) | deleted(20s) | by_itself(9), serving("c", 9) | draining(60s)}), "PodsTerminate",
       "pods that are being deleted need 11/s to be done within their grace periods, and the budget is 1.0/s: they get "
       "it, and other drains wait"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Condition condition = find("BudgetExhausted", row.spec, row.seen);
    CHECK(condition.reason == row.reason);
    CHECK(condition.holds == (condition.reason != "Enough"));
    if (condition.holds) CHECK(condition.message == row.message);
  }
}

TEST_CASE("ScaleDownBlocked says what keeps a drain from beginning") {
  GatewaySpec guarded = spec_of(1);
  guarded.capacity.connections_per_pod = 1000;
  const auto reversed = [](Observed& seen) { seen.reversed_ago = 10s; };
  CHECK_FALSE(find("ScaleDownBlocked", spec_of(1), fleet({serving("a", 1), serving("b", 1)})).holds);
  CHECK(find("ScaleDownBlocked", guarded, fleet({serving("a", 600), serving("b", 500)})).reason == "CapacityGuard");
  CHECK(find("ScaleDownBlocked", frozen_spec(1), fleet({serving("a", 1), serving("b", 1)})).reason == "DrainFreeze");
  CHECK(find("ScaleDownBlocked", frozen_spec(1), fleet({serving("a", 1)}) | deleting).reason == "DrainFreeze");
  CHECK(find("ScaleDownBlocked", spec_of(1), fleet({serving("a", 1), serving("b", 1)}) | reversed).reason ==
        "ReverseHold");
  CHECK_FALSE(find("ScaleDownBlocked", spec_of(2), fleet({serving("a", 1), serving("b", 1)}) | reversed).holds);
}

TEST_CASE("a figure that moves in a message is no reason to write a status at once") {
  GatewaySpec spec = spec_of(1);
  spec.drain.timeout = 10min;
  const auto status_of = [&](std::int64_t left, double rate) {
    const Observed seen = fleet({serving("a", 1), serving("b", left) | draining(20s) | evicting(rate)});
    return compute_status(gateway(), spec, seen, plan_gateway(spec, seen, kNoon), {}, kNoon);
  };
  const Json one = status_of(900'000, 200);
  const Json other = status_of(870'000, 190);
  CHECK(one["conditions"] != other["conditions"]);
  CHECK(status_news(one, other) == StatusNews::kCounts);
  CHECK(status_news(one, status_of(100, 200)) != StatusNews::kCounts);  // It is in time now.
}

}  // namespace sluice::op
