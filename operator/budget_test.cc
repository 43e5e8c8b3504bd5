#include "operator/budget.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "operator/plan_test_fleet.h"

namespace sluice::op {

TEST_CASE("budget_of grows with the receivers up to the maximum") {
  struct Row {
    const char* name;
    int receivers;
    double budget;
  };
  const Row rows[] = {
      {"nobody to receive: the rate of one", 0, 200},
      {"one receiver", 1, 200},
      {"four receivers", 4, 800},
      {"the maximum holds", 500, 20'000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(budget_of(GatewaySpec{}, row.receivers) == doctest::Approx(row.budget));
  }
}

TEST_CASE("only pods that serve in the endpoints receive") {
  using namespace testing;
  const auto off = [](PodView& pod) { pod.traffic_label = "off"; };
  CHECK(receivers_of(fleet({serving("a"), serving("b") | unready, serving("c") | off, serving("d") | draining(1s),
                            serving("e") | terminating})) == 1);
}

TEST_CASE("the throttle follows the slowest receiver, by halves") {
  using namespace testing;
  const auto p99 = [](double seconds) {
    return [seconds](PodView& pod) { pod.state->handshake_p99_seconds = seconds; };
  };
  CHECK(receivers_handshake_p99(fleet({serving("a") | p99(0.2), serving("b") | p99(0.9),
                                       serving("c") | p99(7) | draining(1s), serving("d") | unheard})) ==
        doctest::Approx(0.9));
  struct Aim {
    const char* name;
    double p99;
    double aim;
  };
  const Aim aims[] = {{"nobody has shaken hands", 0, 1},
                      {"fast", 0.3, 1},
                      {"as slow as may be", 1, 1},
                      {"twice as slow", 2, 0.5},
                      {"hopeless", 60, 0.1}};
  for (const Aim& row : aims) {
    CAPTURE(row.name);
    CHECK(throttle_aim(1s, row.p99) == doctest::Approx(row.aim));
  }
  struct Step {
    const char* name;
    double before;
    double aim;
    double after;
  };
  const Step steps[] = {{"down by half", 1, 0.5, 0.75},         {"up by half", 0.2, 1, 0.6},
                        {"the last percent", 0.99, 1, 1},       {"the last percent down", 0.51, 0.5, 0.5},
                        {"at its aim it stays", 0.5, 0.5, 0.5}, {"never below a tenth", 0.1, 0.1, 0.1}};
  for (const Step& row : steps) {
    CAPTURE(row.name);
    CHECK(next_throttle(row.before, row.aim) == doctest::Approx(row.after));
  }
  double throttle = 1;
  for (int step = 0; step < 10; ++step) throttle = next_throttle(throttle, 0.25);
  CHECK(throttle == doctest::Approx(0.25));
  CHECK(budget_of(GatewaySpec{}, 4, 0.25) == doctest::Approx(200));
}

TEST_CASE("split_budget shares what there is and never grants it twice") {
  struct Row {
    const char* name;
    double budget;
    std::vector<BudgetShare> shares;
    std::vector<double> rates;
  };
  const Row rows[] = {
      {"nobody drains", 100, {}, {}},
      {"one drain gets all of it", 100, {{.left = 500}}, {100}},
      {"two new drains share by what they have left", 100, {{.left = 300}, {.left = 100}}, {75, 25}},
      {"a new drain waits until the old one is known to have less",
       100,
       {{.left = 100, .rate = 100}, {.left = 100}},
       {50, 0}},
      {"then it gets what was freed", 100, {{.left = 100, .rate = 50}, {.left = 100}}, {50, 50}},
      {"the last one left gets the rest", 100, {{.left = 100, .rate = 50}}, {100}},
      {"a pod out of reach keeps its rate, which counts",
       100,
       {{.left = 900, .rate = 60, .reachable = false}, {.left = 100}},
       {60, 40}},
      {"a pod out of reach that has everything leaves nothing",
       100,
       {{.left = 900, .rate = 100, .reachable = false}, {.left = 100}},
       {100, 0}},
      {"a budget that shrank lowers everybody", 60, {{.left = 100, .rate = 50}, {.left = 100, .rate = 50}}, {30, 30}},
      {"small differences are left alone", 100, {{.left = 101, .rate = 50}, {.left = 99, .rate = 50}}, {50, 50}},
      {"an empty pod still gets a rate, so that it accepts its drain", 100, {{.left = 0}}, {100}},
      {"who needs more than its part gets that first", 100, {{.left = 100, .needed = 80}, {.left = 300}}, {80, 20}},
      {"who needs less than its part gets its part", 100, {{.left = 300, .needed = 10}, {.left = 100}}, {75, 25}},
      {"what others need is not there for who needs more",
       100,
       {{.left = 10, .needed = 60}, {.left = 10, .needed = 20}, {.left = 80}},
       {60, 20, 20}},
      {"all is needed: others wait", 100, {{.left = 10, .needed = 100}, {.left = 80}}, {100, 0}},
      {"more is needed than there is", 100, {{.left = 10, .needed = 150}, {.left = 10, .needed = 50}}, {75, 25}},
      {"what is needed comes after what is out of reach",
       100,
       {{.left = 10, .rate = 40, .reachable = false}, {.left = 10, .needed = 100}},
       {40, 60}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto rates = split_budget(row.budget, row.shares);
    REQUIRE(rates.size() == row.rates.size());
    for (std::size_t i = 0; i < rates.size(); ++i) CHECK(rates[i] == doctest::Approx(row.rates[i]));
  }
}

TEST_CASE("whichever calls arrive, the rates in effect stay within the budget") {
  std::mt19937 random(7);
  const auto below = [&random](int bound) { return static_cast<double>(random() % static_cast<unsigned>(bound)); };
  for (int run = 0; run < 500; ++run) {
    const double budget = 1 + below(1000);
    std::vector<BudgetShare> shares(1 + random() % 6);
    for (int round = 0; round < 12; ++round) {
      for (BudgetShare& share : shares) {
        share.left = below(5000);
        share.reachable = random() % 4 != 0;
        share.needed = random() % 3 == 0 ? below(800) : 0;
      }
      const auto rates = split_budget(budget, shares);
      double in_effect = 0;
      for (std::size_t i = 0; i < shares.size(); ++i) {
        // A call may be lost: then what may be in effect is the larger of both.
        const bool arrived = shares[i].reachable && random() % 3 != 0;
        shares[i].rate = arrived ? rates[i] : std::max(rates[i], shares[i].rate);
        in_effect += shares[i].rate;
      }
      CHECK(in_effect <= budget * 1.000001);
    }
  }
}

}  // namespace sluice::op
