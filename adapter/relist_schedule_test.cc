#include "adapter/relist_schedule.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

using Scope = RelistScope;

const MetricKey kNew{{"", "pods"}, "new"}, kMisspelt{{"", "pods"}, "misspelt"};

// Runs what is due when it is due, without a thread.
struct Runner {
  RelistSchedule schedule;
  SteadyTime now{std::chrono::hours(1)};
  bool good = true;
  std::set<MetricKey> known;

  explicit Runner(Duration interval = std::chrono::minutes(1)) : schedule(interval) {}
  void end(Scope scope) {
    schedule.ended(
        scope, good, [this](const MetricKey& key) { return known.contains(key); }, now);
  }
  // Waits for what comes next and does it, in no time; answers it and the seconds it waited.
  std::pair<std::optional<Scope>, long> step() {
    const SteadyTime at = std::max(now, schedule.next());
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(at - now).count();
    now = at;
    const auto scope = schedule.due(now);
    if (scope) {
      schedule.begins(*scope);
      end(*scope);
    }
    return {scope, waited};
  }
};

using Step = std::pair<std::optional<Scope>, long>;

TEST_CASE("everything is relisted at the start and at the interval") {
  Runner r;
  CHECK(r.step() == Step{Scope::kEverything, 0});
  CHECK_FALSE(r.schedule.due(r.now + std::chrono::seconds(59)));
  CHECK(r.step() == Step{Scope::kEverything, 60});
}

TEST_CASE("only what failed is tried again, ever less soon, and everything stays at its interval") {
  Runner r(std::chrono::minutes(2));
  r.good = false;
  CHECK(r.step() == Step{Scope::kEverything, 0});
  CHECK(r.step() == Step{Scope::kFailed, 5});
  CHECK(r.step() == Step{Scope::kFailed, 10});
  CHECK(r.step() == Step{Scope::kFailed, 20});
  CHECK(r.step() == Step{Scope::kFailed, 40});
  CHECK(r.step() == Step{Scope::kEverything, 45});
  CHECK(r.step() == Step{Scope::kEverything, 120});  // the wait has reached the interval
  r.good = true;
  CHECK(r.step() == Step{Scope::kEverything, 120});
  CHECK(r.step() == Step{Scope::kEverything, 120});
  r.good = false;
  CHECK(r.step() == Step{Scope::kEverything, 120});
  CHECK(r.step() == Step{Scope::kFailed, 5});
}

TEST_CASE("no wait is longer than a short interval") {
  Runner r(std::chrono::seconds(1));
  r.good = false;
  CHECK(r.step() == Step{Scope::kEverything, 0});
  CHECK(r.step() == Step{Scope::kEverything, 1});
}

TEST_CASE("a metric that nobody knows is searched for once, however often it is asked for") {
  Runner r;
  r.step();
  r.now += std::chrono::seconds(2);
  r.schedule.want(kMisspelt, r.now);
  CHECK(r.step() == Step{Scope::kSeries, 3});
  for (int minute = 0; minute < 10; ++minute) {
    for (int i = 0; i < 4; ++i) r.schedule.want(kMisspelt, r.now);
    const Step step = r.step();
    CHECK(step.first == Scope::kEverything);
    CHECK(step.second >= 55);
  }
  // Nobody asks for it during an interval: forgotten, and searched for again when somebody does.
  r.step();
  r.schedule.want(kMisspelt, r.now);
  CHECK(r.step().first == Scope::kSeries);
}

TEST_CASE("searches in vain come ever less soon, until one is not") {
  Runner r(std::chrono::minutes(10));
  r.step();
  long waits[4] = {};
  for (long& wait : waits) {
    r.schedule.want({{"", "pods"}, "m" + std::to_string(&wait - waits)}, r.now);
    const Step step = r.step();
    CHECK(step.first == Scope::kSeries);
    wait = step.second;
  }
  CHECK(waits[0] == 5);
  CHECK(waits[1] == 10);
  CHECK(waits[2] == 20);
  CHECK(waits[3] == 40);
  r.schedule.want(kNew, r.now);
  r.known.insert(kNew);
  CHECK(r.step() == Step{Scope::kSeries, 80});
  r.schedule.want({{"", "pods"}, "newer"}, r.now);
  CHECK(r.step() == Step{Scope::kSeries, 5});
}

TEST_CASE("what is asked for during a relist is searched for after it, unless that relist looks for it") {
  Runner r;
  r.step();
  r.schedule.want(kMisspelt, r.now);
  r.now += std::chrono::seconds(5);
  r.schedule.begins(Scope::kSeries);
  r.schedule.want(kMisspelt, r.now);
  r.schedule.want(kNew, r.now);
  r.now += std::chrono::seconds(30);
  r.end(Scope::kSeries);
  CHECK(r.step() == Step{Scope::kSeries, 10});
  CHECK(r.step().first == Scope::kEverything);
}

TEST_CASE("a search does not put off the retry of what failed") {
  Runner r;
  r.good = false;
  r.step();
  r.now += std::chrono::seconds(4);
  r.schedule.want(kNew, r.now);
  CHECK(r.step() == Step{Scope::kSeries, 1});
  CHECK(r.step() == Step{Scope::kFailed, 0});
}

TEST_CASE("a flood of names is bounded and costs what one costs") {
  Runner r(std::chrono::minutes(10));
  r.step();
  for (int i = 0; i < 5000; ++i) r.schedule.want({{"", "pods"}, "m" + std::to_string(i)}, r.now);
  CHECK(r.step() == Step{Scope::kSeries, 5});
  // All places are taken by what was searched for in vain: a new name waits for the interval.
  r.schedule.want(kNew, r.now);
  CHECK(r.step().first == Scope::kEverything);
}

}  // namespace
}  // namespace sluice::adapter
