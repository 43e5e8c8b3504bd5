#include "operator/forecast.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {
namespace {

using namespace testing;

/// 200/s for each receiver; nobody waits for minReadySeconds.
GatewaySpec spec_for(int replicas) {
  GatewaySpec spec = spec_of(replicas);
  spec.min_ready = Duration(0);
  return spec;
}

Observed five() {
  return fleet(
      {serving("a", 30'000), serving("b", 10'000), serving("c", 20'000), serving("d", 50'000), serving("e", 40'000)});
}

/// "b 0s-67s drained, c ...": pod, begin and end in seconds, outcome.
std::string story(const Forecast& future) {
  const auto seconds = [](Duration time) { return std::to_string((time.count() + 500) / 1000) + "s"; };
  std::string all;
  for (const ForecastDrain& drain : future.drains) {
    if (!all.empty()) all += ", ";
    all += drain.pod + " " + seconds(drain.begins) + "-" + seconds(drain.ends) + " " +
           (drain.outcome ? to_string(*drain.outcome) : "open");
  }
  return all;
}

TEST_CASE("what a forecast tells of scaling") {
  const auto frozen = [](GatewaySpec spec) {
    spec.drain_freeze = true;
    return spec;
  };
  const auto two_at_once = [](GatewaySpec spec) {
    spec.scale_down.concurrent_drains_max = 2;
    return spec;
  };
  const auto hurried = [](GatewaySpec spec) {
    spec.drain.timeout = 60s;
    spec.budget.max = 200;
    return spec;
  };
  struct Case {
    const char* name;
    GatewaySpec spec;
    Observed seen;
    const char* story;
    int created;
    int live;
  };
  const Case cases[] = {
      {"nothing to do", spec_for(5), five(), "", 0, 5},
      {"more pods", spec_for(8), five(), "", 3, 8},
      // 10,000 at 4 x 200/s take 13.1 s with the pacing; the jitter makes 30 s of it, propagation 15 s more.
      {"the cheapest goes", spec_for(4), five(), "b 0s-45s drained", 0, 4},
      // c has 20,000 and a fourth of b's 10,000 when it begins: 22,500 x 1.05 / 600 = 39.4 s.
      {"one after the other", spec_for(3), five(), "b 0s-45s drained, c 45s-99s drained", 0, 3},
      {"two at once share the budget", two_at_once(spec_for(3)), five(), "b 0s-68s drained, c 0s-68s drained", 0, 3},
      // 200/s for 45 s of 60: 9,000 x / 1.05 of the 10,000 have gone by then.
      {"the deadline beats the budget", hurried(spec_for(4)), five(), "b 0s-60s timed out", 0, 4},
      {"frozen", frozen(spec_for(3)), five(), "", 0, 5},
      {"a running drain goes first", spec_for(4),
       fleet({serving("a", 30'000), serving("b", 8'000) | draining(20s) | evicting(800), serving("c", 20'000),
              serving("d", 1'000), serving("e", 40'000), serving("f", 40'000)}),
       "b 0s-25s drained, d 25s-70s drained", 0, 4},
      {"what never started needs no drain", spec_for(5),
       fleet({serving("a", 1), serving("b", 1), serving("c", 1), serving("d", 1), serving("e", 1),
              serving("f") | pending}),
       "", 0, 5},
  };
  for (const Case& row : cases) {
    CAPTURE(row.name);
    const Forecast future = forecast(row.spec, row.seen, kNoon);
    CHECK(story(future) == row.story);
    CHECK(future.created == row.created);
    CHECK(future.live == row.live);
    CHECK(future.complete);
  }
}

TEST_CASE("a forecast counts what it moves and what a deadline cuts") {
  GatewaySpec spec = spec_for(4);
  spec.drain.timeout = 60s;
  spec.budget.max = 200;
  const Forecast future = forecast(spec, five(), kNoon);
  REQUIRE(future.drains.size() == 1);
  const ForecastDrain& drain = future.drains.front();
  CHECK(drain.connections == 10'000);
  CHECK(drain.cost == 10'000);
  CHECK(drain.runner_up == "c");
  CHECK(drain.rate == doctest::Approx(200));
  CHECK(drain.cut > 1'000);
  CHECK(drain.cut < 2'000);
  CHECK(future.duration == 60s);
}

TEST_CASE("the capacity guard ends a forecast and says why") {
  GatewaySpec spec = spec_for(1);
  spec.capacity.connections_per_pod = 60'000;  // 90% of it: 54,000; all have 150,000.
  const Forecast future = forecast(spec, five(), kNoon);
  CHECK(story(future) == "b 0s-45s drained, c 45s-99s drained");
  CHECK(future.live == 3);
  CHECK(future.objection.find("remaining pods") != std::string::npos);
}

TEST_CASE("a gateway that does not answer is drained last and at its deadline") {
  GatewaySpec spec = spec_for(1);
  spec.capacity.connections_per_pod = 1'000'000;
  const Forecast future = forecast(spec, fleet({serving("a", 5) | unreachable, serving("b", 7)}), kNoon);
  CHECK(story(future) == "b 0s-45s drained");
  const Forecast both = forecast(spec_for(0), fleet({serving("a", 5) | unreachable, serving("b", 7)}), kNoon);
  CHECK(story(both) == "b 0s-45s drained, a 45s-1845s timed out");
}

TEST_CASE("a scale-up takes a draining pod back in a forecast") {
  const Forecast future = forecast(
      spec_for(3), fleet({serving("a", 5), serving("b", 800) | draining(20s) | evicting(10), serving("c", 7)}), kNoon);
  CHECK(future.taken_back == std::vector<std::string>{"b"});
  CHECK(future.live == 3);
  CHECK(future.created == 0);
}

TEST_CASE("a forecast over five thousand pods is bounded") {
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i) names.push_back("p" + std::to_string(10'000 + i));
  std::vector<PodView> pods;
  pods.reserve(names.size());
  for (const std::string& name : names) pods.push_back(serving(name.c_str(), 1000));
  const Forecast future = forecast(spec_for(10), fleet(std::move(pods)), kNoon);
  CHECK_FALSE(future.complete);
  CHECK(future.drains.size() > 10);
  CHECK(future.drains.size() < 500);
}

}  // namespace
}  // namespace sluice::op
