#include "operator/healing.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

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

const std::vector<std::string> kNames{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"};

/// `pods`, and so many more that are well.
Observed among(std::vector<PodView> pods, int others) {
  for (int i = 0; i < others; ++i) pods.push_back(serving(("z" + kNames[static_cast<std::size_t>(i)]).c_str(), 100));
  Observed seen = fleet(std::move(pods));
  seen.polled = static_cast<int>(seen.pods.size());
  return seen;
}
GatewaySpec spec_for(const Observed& seen) {
  return spec_of(static_cast<int>(seen.pods.size()));
}
void check(const char* name, const Observed& seen, const char* plan) {
  check({{name, spec_for(seen), seen, plan}});
}

void node_gone(PodView& pod) {
  pod.node_ready = false;
}
void never_heard(PodView& pod) {
  pod.state.reset();
  pod.empty_for.reset();
}
void backs_off(PodView& pod) {
  crashed(pod);
  pod.backing_off = true;
}
std::function<void(Observed&)> failing(int polls) {
  return [polls](Observed& seen) { seen.polls_failing = polls; };
}

}  // namespace

TEST_CASE("what is heard of a pod, and how bad it is") {
  struct Case {
    const char* name;
    PodView pod;
    const char* heard;
  };
  const PodView pod = serving("a", 10);
  const Case rows[] = {
      {"it answers", pod, ""},
      {"it answers, though the kubelet says not ready: nobody has lost it", pod | unready, ""},
      {"one missed poll", pod | silent(0s, 1), "HeartbeatTimeout 1"},
      {"three of them", pod | silent(4s, 3), "HeartbeatTimeout 2"},
      {"for longer than the time-out, but the kubelet disagrees", pod | silent(10min, 99), "HeartbeatTimeout 2"},
      {"not for so long yet, whatever the kubelet says", pod | silent(9s) | unready, "HeartbeatTimeout 2"},
      {"the kubelet agrees", pod | silent(10s) | unready, "HeartbeatTimeout 3"},
      {"the kubelet agrees about a gateway that never answered us", pod | silent(10s) | unready | never_heard,
       "HeartbeatTimeout 3"},
      {"its node is not ready", pod | silent(10s) | node_gone, "HeartbeatTimeout 4"},
      {"its node is not ready, but it answers", pod | node_gone, ""},
      {"refused", pod | refuses, "ConnectionLost 2"},
      {"refused, and the kubelet agrees", pod | refuses | unready, "ConnectionLost 3"},
      {"refused by a gateway that may be starting", pod | refuses | unready | never_heard, "ConnectionLost 2"},
      {"a host that cannot be reached on a node that is not ready", pod | refuses | silent(10s) | node_gone,
       "HeartbeatTimeout 4"},
      {"its container ends once: it is started again at once", pod | crashed | refuses, ""},
      {"its container keeps ending", pod | backs_off, "ConnectionLost 5"},
      {"it has never run", pod | pending | silent(10s), ""},
      {"it will never run again", pod | failed | silent(10s), ""},
  };
  for (const Case& row : rows) {
    CAPTURE(row.name);
    const auto heard = judge(row.pod, spec_of(3));
    CHECK((heard ? to_string(heard->event) + (" " + std::to_string(heard->severity)) : std::string()) == row.heard);
  }
}

TEST_CASE("a pod is put out within the limit, and only where it is the one cut off") {
  const PodView gone = serving("a", 10) | silent(12s) | unready;
  const PodView other = serving("b", 10) | silent(20s) | unready;
  const PodView worse = serving("c", 10) | silent(10s) | unready | node_gone;
  check("from severity 3 on", among({gone}, 3), "a Offline");
  check("not before", among({serving("a") | silent(1h, 99)}, 3), "");
  check("never the only pod", among({gone}, 0), "");
  check("one of two", among({gone}, 1), "a Offline");
  check("one in ten", among({gone, other}, 9), "b Offline");
  check("the worst first", among({gone, other, worse}, 9), "c Offline");
  check(
      "more of a larger fleet",
      fleet([] {
        std::vector<PodView> pods;
        for (int i = 0; i < 20; ++i) {
          pods.push_back(serving(("p" + std::to_string(i)).c_str(), 10));
          if (i < 3) pods.back() = pods.back() | silent(std::chrono::seconds(30 - i)) | unready;
        }
        return pods;
      }()) |
          [](Observed& seen) { seen.polled = 20; },
      "p0 Offline, p1 Offline");
  check("one that is out already counts", among({gone, serving("b") | out(HealthPhase::kPendingRejoin)}, 8), "");
  check("one on its way back counts, too", among({gone, serving("b") | out(HealthPhase::kGrayTraffic, 0s, 10)}, 8), "");
  check("half of the polls fail", among({gone}, 1) | failing(1), "a Offline");
  check("more than half of all polls fail: it is us", among({gone}, 3) | failing(3), "");
  check(
      "a pod that drains goes on with it",
      among({gone | draining(5s)}, 3) | [](Observed& seen) { seen.pods.erase(seen.pods.end() - 1); }, "create 1");
  check("a pod that is being deleted is left to it", among({gone | terminating}, 3), "create 1");

  Observed seen = among({gone}, 3);
  GatewaySpec off = spec_for(seen);
  off.healing.kicked_percent_max = 0;
  check({{"0 switches it off", off, seen, ""}});
}

TEST_CASE("what keeps a pod in the fleet is said") {
  const Observed two = among({serving("a", 10) | silent(12s) | unready, serving("b", 10) | silent(20s) | unready}, 8);
  const Plan limited = plan_gateway(spec_for(two), two, kNoon);
  CHECK(limited.kicks_held ==
        "a stays (HeartbeatTimeout, severity 3: no answer for 12s, and the kubelet says not ready): 1 of 10 pods are "
        "out, and spec.healing.maxKickedPercent (10) allows no more");
  const Observed alone = two | failing(6);
  const Plan held = plan_gateway(spec_for(alone), alone, kNoon);
  CHECK(held.health.empty());
  CHECK(held.kicks_held ==
        "b stays (HeartbeatTimeout, severity 3: no answer for 20s, and the kubelet says not ready): more than half of "
        "all polls fail, so the operator itself may be cut off");
}

TEST_CASE("a few of those that are out are probed at a time") {
  const PodView a = serving("a") | out(HealthPhase::kOffline) | silent(20s) | unready;
  const auto b = [&] {
    PodView pod = a;
    pod.name = pod.uid = "b";
    pod.address = "b:9901";
    return pod;
  }();
  check("at least one", among({a}, 8), "probe a");
  check("one of two", among({a, b}, 8), "probe a");
  check("the one whose last probe is the longest ago", among({a | probed(0, 9s), b | probed(0, 10s)}, 8), "probe b");
  check("one that had a success goes on", among({a | probed(1, 2s), b | probed(0, 10s)}, 8), "probe a");
  check("it has its time between probes, and nobody comes in between", among({a | probed(1, 1s), b}, 8), "");
  check("a container that does not run is not probed", among({a | crashed, b}, 8), "probe b");
}

TEST_CASE("the way back") {
  const PodView answers = serving("a");
  const auto at = [&](HealthPhase phase, Duration since, int percent = 0) {
    return answers | out(phase, since, percent);
  };
  const auto counts = [](std::int64_t opened, std::int64_t ok, std::int64_t bad) {
    return [=](PodView& pod) {
      pod.state->opened = opened;
      pod.state->totals.handshakes_ok = ok;
      pod.state->totals.handshakes_failed = bad;
    };
  };
  const auto slow = [](PodView& pod) { pod.state->handshake_p99_seconds = 1.5; };
  const auto fast_fleet = [&](PodView pod) {
    Observed seen = among({std::move(pod)}, 4);
    for (PodView& one : seen.pods) one.state->accepted_per_second = one.health ? 0 : 10;
    return seen;
  };
  using enum HealthPhase;

  check("probes that succeed", among({at(kOffline, 9s) | probed(3)}, 4), "a PendingRejoin");
  check("not enough of them", among({at(kOffline, 9s) | probed(2)}, 4), "probe a");
  check("the kubelet does not say so yet", among({at(kOffline, 9s) | probed(3) | unready}, 4), "");
  check("the admin API does not answer yet", among({at(kOffline, 9s) | probed(3) | silent(20s)}, 4), "");
  check("it is watched", among({at(kPendingRejoin, 119s)}, 4), "");
  check("and then gets a share", among({at(kPendingRejoin, 120s)}, 4), "a GrayTraffic:10");
  check("by a fresh answer", among({at(kPendingRejoin, 120s) | stale(3s)}, 4), "");
  check("a relapse while it is watched", among({at(kPendingRejoin, 5s) | unready}, 4), "a Offline");
  check("three missed polls are one", among({at(kPendingRejoin, 5s) | silent(3s, 3)}, 4), "a Offline");
  check("one missed poll is none", among({at(kPendingRejoin, 120s) | silent(0s, 1)}, 4), "");
  check("while we are cut off nothing is said", among({at(kPendingRejoin, 120s) | silent(3s, 3)}, 4) | failing(4), "");

  // A tenth of ten a second, for thirty seconds.
  check("its share is not used up", fast_fleet(at(kGrayTraffic, 9s, 10) | counts(29, 29, 0)), "");
  check("its share is used up", fast_fleet(at(kGrayTraffic, 9s, 10) | counts(30, 30, 0)), "relabel a gray off");
  check("in a fleet where nobody comes its share is one", among({at(kGrayTraffic, 9s, 10) | counts(1, 1, 0)}, 4),
        "relabel a gray off");
  check("alone it takes whoever comes",
        among({at(kGrayTraffic, 9s, 10) | counts(30, 30, 0), serving("b") | unready}, 0), "");
  check("of two that are all there is one stays",
        among({at(kGrayTraffic, 9s, 10) | counts(30, 30, 0),
               serving("b") | out(kGrayTraffic, 9s, 10) | counts(30, 30, 0)},
              0),
        "relabel a gray off");
  check("it grows", fast_fleet(at(kGrayTraffic, 31s, 10) | counts(30, 30, 0)), "a GrayTraffic:20");
  check("by an answer from after the interval", fast_fleet(at(kGrayTraffic, 31s, 10) | counts(5, 5, 0) | stale(1s)),
        "");
  check("to all at most", fast_fleet(at(kGrayTraffic, 31s, 80) | counts(30, 30, 0)), "a GrayTraffic:100");
  check("then it is back", fast_fleet(at(kGrayTraffic, 31s, 100) | counts(300, 300, 0)), "a Active");
  check("handshakes that fail keep it where it is", fast_fleet(at(kGrayTraffic, 31s, 20) | counts(60, 60, 1)),
        "a GrayTraffic:20");
  check("one in a hundred is no flaw", fast_fleet(at(kGrayTraffic, 31s, 20) | counts(100, 99, 1)), "a GrayTraffic:40");
  check("nor are slow ones let grow", fast_fleet(at(kGrayTraffic, 31s, 20) | counts(60, 60, 0) | slow),
        "a GrayTraffic:20");
  check("a relapse in gray traffic", among({at(kGrayTraffic, 5s, 40) | refuses}, 4), "a Offline");
  check("a container that keeps ending", among({at(kGrayTraffic, 5s, 40) | backs_off}, 4), "a Offline");
}

TEST_CASE("a relapse keeps the time since which the pod is out, and has its own reason") {
  const Observed seen = among({serving("a") | out(HealthPhase::kGrayTraffic, 10s, 40) | refuses | unready}, 4);
  const Plan plan = plan_gateway(spec_for(seen), seen, kNoon);
  REQUIRE(plan.health.size() == 1);
  CHECK(plan.health[0].news == HealthNews::kRelapsed);
  CHECK(plan.health[0].record->since == kNoon - 70s);
  CHECK(plan.health[0].record->phase_since == kNoon);
  CHECK(plan.health[0].record->event == HealthEvent::kConnectionLost);
}

TEST_CASE("labels follow the record") {
  using enum HealthPhase;
  const auto labelled = [](const char* state, const char* traffic) {
    return [=](PodView& pod) {
      pod.state_label = state;
      pod.traffic_label = traffic;
    };
  };
  const auto edited = [](PodView& pod) { pod.health.reset(); };
  const PodView offline = serving("a") | out(kOffline, 10s) | probed(0, 0s);
  check("somebody has labelled it active", among({offline | labelled("active", "on")}, 4), "relabel a offline");
  check("somebody has given it traffic", among({offline | labelled("offline", "on")}, 4), "relabel a offline");
  check("a gray pod that lost its label",
        among({serving("a") | out(kGrayTraffic, 1s, 10) | labelled("active", "on")}, 4), "relabel a gray");
  check("a record that cannot be read is none", among({offline | edited}, 4), "relabel a active");
  check("labels without a record", among({serving("a") | labelled("offline", "off")}, 4), "relabel a active");
}

TEST_CASE("a pod that has been out for too long is replaced: made anew first, then drained") {
  const PodView lost = serving("a", 10) | out(HealthPhase::kOffline, 5min) | probed(0, 0s) | silent(6min) | unready |
                       [](PodView& pod) { pod.asked_to_go = DrainReason::kOffline; };
  GatewaySpec spec = spec_of(4);
  check({
      {"a new one is made", spec, among({lost}, 3), "create 1"},
      {"then it goes, with the time of a drain for clients that may be there", spec, among({lost}, 4),
       "start a:Offline"},
      {"nobody takes its place among those that are out before that is written", spec,
       among({lost, serving("b") | silent(12s) | unready}, 3), "start a:Offline"},
      {"it has lost its container: nothing to wait for", spec,
       among({lost | crashed | draining(20s, DrainReason::kOffline)}, 4), "delete a:stopped"},
      {"its drain keeps no other from beginning", spec,
       among({lost | draining(20s, DrainReason::kOffline) | recorded(0), serving("b", 1)}, 4), "start b:ScaleDown"},
  });
  CHECK_FALSE(past_saving(lost, spec, kNoon - 2min));
  CHECK(past_saving(lost, spec, kNoon));
  CHECK_FALSE(past_saving(serving("a") | out(HealthPhase::kPendingRejoin, 1h), spec, kNoon));
  CHECK_FALSE(past_saving(serving("a"), spec, kNoon));
}

TEST_CASE("a pod that is out is no receiver, and not available") {
  const Observed seen =
      among({serving("a") | out(HealthPhase::kOffline), serving("b") | out(HealthPhase::kGrayTraffic, 1s, 10)}, 3);
  CHECK(receivers_of(seen) == 4);
  CHECK_FALSE(is_available(seen.pods[0], spec_of(5), kNoon));
  CHECK(is_available(seen.pods[1], spec_of(5), kNoon));
}

TEST_CASE("time alone makes a silence worse, and nothing spins") {
  const auto wakes = [](const Observed& seen) { return plan_gateway(spec_for(seen), seen, kNoon).wake_after; };
  CHECK(wakes(among({serving("a") | silent(4s)}, 3)) == 6s);
  CHECK(wakes(among({serving("a") | silent(12s)}, 3)) == std::nullopt);
  CHECK(wakes(among({serving("a") | out(HealthPhase::kPendingRejoin, 90s)}, 3)) == 30s);
  CHECK(wakes(among({serving("a") | out(HealthPhase::kOffline, 10s) | probed(0, 500ms)}, 3)) == 1500ms);
}

}  // namespace sluice::op
