#include "gateway/engine/event_loop.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "gateway/testing/fake_io.h"

namespace sluice::gateway {
namespace {

struct Fixture final : LoopHandler {
  ManualClock clock;
  testing::FakeIo* io = new testing::FakeIo;
  EventLoop loop{std::unique_ptr<Io>(io), clock};
  std::function<void()> at_tick_end = [] {};
  std::vector<Token> expired;

  void on_completion(const Completion&) override {}
  void on_timer(Token token) override { expired.push_back(token); }
  void on_tick_end() override { at_tick_end(); }
  void tick() { loop.run_once(*this, EventLoop::kWaitMax); }
};

TEST_CASE("a tick that took long shortens the wait behind it, so that timers are not late by it") {
  Fixture fixture;
  TimerNode timer;
  timer.token = 7;
  fixture.loop.timers().arm(timer, fixture.loop.now() + 500ms);
  fixture.at_tick_end = [&fixture] { fixture.clock.advance(300ms); };
  fixture.tick();
  fixture.at_tick_end = [] {};
  fixture.tick();
  CHECK(fixture.io->waits == std::vector<Duration>{500ms, 200ms});
  fixture.clock.advance(200ms);
  fixture.tick();
  CHECK(fixture.expired == std::vector<Token>{7});
}

TEST_CASE("a tick carries out a portion of the mail, and the next one does not wait for more") {
  Fixture fixture;
  std::size_t done = 0;
  for (std::size_t i = 0; i < EventLoop::kMailsPerTick + 1; ++i) {
    REQUIRE(fixture.loop.try_post([&done] { ++done; }));
  }
  fixture.tick();
  CHECK(done == EventLoop::kMailsPerTick);
  fixture.tick();
  CHECK(done == EventLoop::kMailsPerTick + 1);
  fixture.tick();
  CHECK(fixture.io->waits == std::vector<Duration>{EventLoop::kWaitMax, 0ms, EventLoop::kWaitMax});
}

TEST_CASE("work that is left ticks again at once") {
  Fixture fixture;
  fixture.loop.tick_again();
  fixture.tick();
  fixture.tick();
  CHECK(fixture.io->waits == std::vector<Duration>{0ms, EventLoop::kWaitMax});
}

}  // namespace
}  // namespace sluice::gateway
