#include "gateway/engine/timer_wheel.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <vector>

#include "common/base/random.h"

namespace sluice::gateway {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};
constexpr std::size_t kAll = 1'000'000;

std::vector<Token> expired_at(TimerWheel& wheel, SteadyTime now, std::size_t budget = kAll) {
  std::vector<Token> tokens;
  wheel.advance(now, budget, [&tokens](TimerNode& node) { tokens.push_back(node.token); });
  return tokens;
}

TEST_CASE("a timer expires once, not before its time and at most a tick after it") {
  struct Row {
    const char* name;
    Duration delay;
  };
  const Row rows[] = {{"due now: at the next tick", 0ms},
                      {"a tick", 10ms},
                      {"rounded up to a tick", 11ms},
                      {"a heartbeat within one turn of the wheel", 30s},
                      {"just one turn", 40'960ms},
                      {"several turns", 300s},
                      {"a day", 24h}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    TimerWheel wheel(kStart);
    TimerNode node;
    node.token = 7;
    wheel.arm(node, kStart + row.delay);
    if (row.delay > 0ms) CHECK(expired_at(wheel, kStart + row.delay - 1ms).empty());
    CHECK(expired_at(wheel, kStart + row.delay + TimerWheel::kTick) == std::vector<Token>{7});
    CHECK(!node.armed());
    CHECK(expired_at(wheel, kStart + row.delay + 100s).empty());
  }
}

TEST_CASE("a wheel that slept for many turns expires everything that came due") {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 500; ++i) {
    nodes.push_back(std::make_unique<TimerNode>());
    wheel.arm(*nodes.back(), kStart + i * 1s);
  }
  CHECK(expired_at(wheel, kStart + 600s).size() == 500);
}

TEST_CASE("a budget leaves the rest due") {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 5; ++i) {
    nodes.push_back(std::make_unique<TimerNode>());
    wheel.arm(*nodes.back(), kStart + 20ms);
  }
  CHECK(expired_at(wheel, kStart + 20ms, 3).size() == 3);
  CHECK(wheel.until_next(kStart + 20ms, 1s) == 0ms);
  wheel.cancel(*nodes.back());  // Due, but not yet told.
  CHECK(expired_at(wheel, kStart + 20ms, 3).size() == 1);
}

TEST_CASE("an expired timer may arm itself again and cancel others") {
  TimerWheel wheel(kStart);
  TimerNode first;
  TimerNode second;
  wheel.arm(first, kStart + 10ms);
  wheel.arm(second, kStart + 10ms);
  int calls = 0;
  wheel.advance(kStart + 10ms, kAll, [&](TimerNode& node) {
    ++calls;
    wheel.cancel(second);
    wheel.arm(node, kStart + 20ms);
  });
  CHECK(calls == 1);
  CHECK(first.armed());
  CHECK(!second.armed());
  wheel.cancel(first);
}

TEST_CASE("until_next never sleeps over a timer") {
  TimerWheel wheel(kStart);
  CHECK(wheel.until_next(kStart, 1s) == 1s);
  TimerNode node;
  wheel.arm(node, kStart + 500ms);
  CHECK(wheel.until_next(kStart, 1s) == 500ms);
  CHECK(wheel.until_next(kStart, 100ms) == 100ms);
  CHECK(wheel.until_next(kStart + 495ms, 1s) == 5ms);
  CHECK(wheel.until_next(kStart + 600ms, 1s) == 0ms);
  wheel.cancel(node);
}

TEST_CASE("whatever is armed, moved and cancelled, each timer expires in its own tick") {
  struct Model {
    TimerNode node;
    std::optional<SteadyTime> due;
  };
  Random random(20261123);
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Model>> models;
  for (Token i = 0; i < 200; ++i) {
    models.push_back(std::make_unique<Model>());
    models.back()->node.token = i;
  }
  SteadyTime now = kStart;
  SteadyTime before = now;
  for (int step = 0; step < 20'000; ++step) {
    Model& model = *models[random.below(models.size())];
    const std::uint64_t action = random.below(10);
    if (action < 5) {
      model.due = now + Duration(random.below(action == 0 ? 200'000 : 300));
      wheel.arm(model.node, *model.due);
    } else if (action == 5) {
      model.due.reset();
      wheel.cancel(model.node);
    } else {
      before = now;
      const Duration sleep = random.below(200) == 0 ? Duration(random.below(100'000)) : Duration(random.below(40));
      now += std::min(sleep, wheel.until_next(now, 100s) + TimerWheel::kTick);
      for (const Token token : expired_at(wheel, now)) {
        Model& expired = *models[token];
        REQUIRE(expired.due.has_value());
        CHECK(*expired.due <= now);
        CHECK(*expired.due + 2 * TimerWheel::kTick > before);  // It was not forgotten in an earlier step.
        expired.due.reset();
      }
    }
  }
  for (const auto& model : models) {
    CHECK(model->node.armed() == model->due.has_value());
    wheel.cancel(model->node);
  }
}

}  // namespace
}  // namespace sluice::gateway
