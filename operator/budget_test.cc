#include "operator/budget.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

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

TEST_CASE("split_budget shares what there is and never grants it twice") {
  struct Row {
    const char* name;
    double budget;
    std::vector<DrainShare> shares;
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
    std::vector<DrainShare> shares(1 + random() % 6);
    for (int round = 0; round < 12; ++round) {
      for (DrainShare& share : shares) {
        share.left = below(5000);
        share.reachable = random() % 4 != 0;
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
