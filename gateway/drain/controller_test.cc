#include "gateway/drain/controller.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

DrainRequest request(const Clock& clock, Duration deadline, double rate) {
  DrainRequest made;
  made.reason = "ScaleDown";
  made.deadline = clock.wall() + deadline;
  made.rate = rate;
  made.hint_jitter = 10s;
  return made;
}

TEST_CASE("a drain begins, changes and keeps its start and initial count") {
  ManualClock clock;
  DrainController drain(clock);
  CHECK(!drain.active());
  CHECK(!drain.report(0, 0));
  CHECK(drain.take(10, clock.steady()) == 0);
  const WallTime began = clock.wall();
  drain.start(request(clock, 60s, 100), 500);
  CHECK(drain.active());
  const ReleaseView first = drain.view();
  CHECK(first.active());
  CHECK(first.kind == ReleaseKind::kDrain);
  CHECK(first.deadline == clock.steady() + 60s);
  CHECK(first.spread == 5s);
  clock.advance(10s);
  drain.start(request(clock, 20s, 50), 123);
  const auto report = drain.report(400, 100);
  REQUIRE(report.has_value());
  CHECK(report->started_at == began);
  CHECK(report->initial == 500);
  CHECK(report->rate == 50);
  CHECK(report->deadline == clock.wall() + 20s);
  CHECK(drain.view().epoch == first.epoch);
  CHECK(drain.view().deadline == clock.steady() + 20s);
}

TEST_CASE("a drain that is taken back gives no tokens, and the next one is another") {
  ManualClock clock;
  DrainController drain(clock);
  drain.start(request(clock, 60s, 100), 500);
  const std::uint32_t epoch = drain.view().epoch;
  CHECK(drain.cancel().ok());
  CHECK(!drain.active());
  CHECK(drain.take(10, clock.steady() + 1s) == 0);
  CHECK(drain.cancel().ok());  // Where none runs, too.
  drain.start(request(clock, 60s, 100), 300);
  CHECK(drain.view().epoch != epoch);
  CHECK(drain.report(300, 300)->initial == 300);
}

TEST_CASE("termination starts a drain or cuts the one that runs, and is final") {
  ManualClock clock;
  SUBCASE("without a drain") {
    DrainController drain(clock);
    drain.terminate(1000, 100s, 30s);
    CHECK(drain.active());
    CHECK(drain.terminating());
    CHECK(drain.view().deadline == clock.steady() + 80s);
    CHECK(drain.report(1000, 1000)->reason == "Terminating");
  }
  SUBCASE("during a drain: it goes on, with the deadline cut") {
    DrainController drain(clock);
    drain.start(request(clock, 1h, 100), 500);
    drain.terminate(400, 100s, 30s);
    CHECK(drain.view().deadline == clock.steady() + 80s);
    CHECK(drain.report(400, 400)->deadline == clock.wall() + 80s);
    CHECK(drain.report(400, 400)->rate == 100);
    drain.start(request(clock, 1h, 200), 500);  // The operator repeats its call: the rate changes, the cut stays.
    CHECK(drain.view().deadline == clock.steady() + 80s);
    CHECK(drain.report(400, 400)->rate == 200);
    const Status cancelled = drain.cancel();
    REQUIRE(!cancelled.ok());
    CHECK(cancelled.error().code == ErrorCode::kConflict);
  }
}

TEST_CASE("a deadline in the past or absurdly far away does no harm") {
  ManualClock clock;
  DrainController drain(clock);
  drain.start(request(clock, -1h, 100), 500);
  CHECK(drain.view().deadline == clock.steady());
  drain.start(request(clock, 24h * 365 * 5000, 100), 500);
  CHECK(drain.view().deadline > clock.steady() + 24h * 300);
}

TEST_CASE("nobody is told to wait beyond the deadline") {
  ManualClock clock;
  DrainController drain(clock);
  DrainRequest long_jitter = request(clock, 20s, 100);
  long_jitter.hint_jitter = 1h;
  drain.start(long_jitter, 500);
  CHECK(drain.view().spread == 20s);
  clock.advance(15s);
  CHECK(drain.view().spread == 5s);
  drain.start(request(clock, 1s, 100), 500);
  CHECK(drain.view().spread == 1s);
  clock.advance(2s);
  CHECK(drain.view().spread == 0s);
}

TEST_CASE("a new rate makes the spread anew from what is left") {
  ManualClock clock;
  DrainController drain(clock);
  drain.start(request(clock, 600s, 100), 501);
  CHECK(drain.take(1, clock.steady()) == 1);
  clock.advance(100ms);
  CHECK(drain.take(1000, clock.steady()) == 10);
  drain.start(request(clock, 600s, 490), 123);  // 490 are left and 9.9 s of the jitter.
  CHECK(drain.view().spread == 8900ms);
}

ShedRequest shed(const char* id, std::size_t count, double rate) {
  return {.id = id, .count = count, .rate = rate, .close_code = 1013, .hint_jitter = 10s};
}

TEST_CASE("a shed gives as many tokens as were asked for, at its rate, and refuses nobody") {
  ManualClock clock;
  DrainController controller(clock);
  REQUIRE(controller.start_shed(shed("a", 30, 100), 500));
  CHECK(!controller.active());
  const ReleaseView view = controller.view();
  CHECK(view.kind == ReleaseKind::kShed);
  CHECK(view.deadline == SteadyTime::max());
  CHECK(view.close_code == 1013);
  CHECK(view.spread == 9700ms);  // The jitter, less the time of release.
  CHECK(!view.spent);
  CHECK(!controller.report(500, 500));
  CHECK(controller.take(100, clock.steady()) == 1);
  clock.advance(100ms);
  CHECK(controller.take(100, clock.steady()) == 10);
  CHECK(controller.shed_report(500, 11)->remaining == 30);
  CHECK(controller.shed_report(495, 6)->remaining == 25);  // Five have gone.
  clock.advance(1h);
  CHECK(controller.take(100, clock.steady()) == 11);  // What a bucket saves up.
  clock.advance(1h);
  CHECK(controller.take(100, clock.steady()) == 8);
  CHECK(controller.view().spent);
  CHECK(controller.view().active());  // Those who were hinted must still go.
  clock.advance(1h);
  CHECK(controller.take(100, clock.steady()) == 0);
  CHECK(controller.shed_report(470, 0)->remaining == 0);
  CHECK(controller.cancel_shed());
  CHECK(!controller.cancel_shed());
  CHECK(!controller.view().active());
  CHECK(!controller.shed_report(470, 0));
}

TEST_CASE("a shed's order with the same id changes its rate alone, one with another id is another shed") {
  ManualClock clock;
  DrainController controller(clock);
  REQUIRE(controller.start_shed(shed("a", 5, 0), 500));
  const std::uint32_t epoch = controller.epoch();
  CHECK(controller.take(100, clock.steady()) == 0);
  REQUIRE(controller.start_shed(shed("a", 400, 1000), 500));
  clock.advance(100ms);
  CHECK(controller.epoch() == epoch);
  CHECK(controller.shed_report(500, 0)->initial == 5);
  CHECK(controller.take(100, clock.steady()) == 5);
  REQUIRE(controller.start_shed(shed("a", 400, 1000), 500));  // Repeated when it has run out: it does not begin again.
  CHECK(controller.view().spent);
  REQUIRE(controller.start_shed(shed("b", 400, 1000), 300));
  CHECK(controller.epoch() != epoch);
  CHECK(controller.shed_report(300, 0)->id == "b");
  CHECK(controller.shed_report(300, 0)->initial == 300);  // There are no more.
  CHECK(controller.shed_report(20, 0)->remaining == 20);  // Most have left by themselves.
  CHECK(controller.shed_report(10, 12)->remaining == 12);
}

TEST_CASE("a drain ends a shed, and none begins while it runs") {
  ManualClock clock;
  DrainController controller(clock);
  REQUIRE(controller.start_shed(shed("a", 100, 1000), 500));
  const std::uint32_t epoch = controller.epoch();
  SUBCASE("by the operator") {
    controller.start(request(clock, 60s, 100), 500);
  }
  SUBCASE("by SIGTERM") {
    controller.terminate(500, 100s, 30s);
  }
  CHECK(controller.view().kind == ReleaseKind::kDrain);
  CHECK(controller.view().deadline <= clock.steady() + 80s);
  CHECK(controller.epoch() != epoch);
  CHECK(!controller.shed_report(500, 0));
  const Status refused = controller.start_shed(shed("b", 100, 1000), 500);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kConflict);
  CHECK(!controller.cancel_shed());
  CHECK(controller.view().kind == ReleaseKind::kDrain);
}

TEST_CASE("an order to a terminating process changes the rate and brings the deadline forward, never back") {
  ManualClock clock;
  DrainController controller(clock);
  CHECK(!controller.termination_deadline());
  controller.terminate(1000, 100s, 30s);
  const WallTime end = clock.wall() + 80s;
  CHECK(controller.termination_deadline() == end);
  controller.start(request(clock, 1h, 7), 1000);
  CHECK(controller.view().deadline == clock.steady() + 80s);
  CHECK(controller.report(1000, 1000)->rate == 7);
  CHECK(controller.report(1000, 1000)->deadline == end);
  controller.start(request(clock, 20s, 9), 1000);
  CHECK(controller.view().deadline == clock.steady() + 20s);
  clock.advance(10s);
  controller.start(request(clock, 1h, 9), 1000);
  CHECK(controller.view().deadline == clock.steady() + 70s);
  CHECK(controller.termination_deadline() == end);
}

TEST_CASE("the time a drain still needs") {
  struct Row {
    const char* name;
    std::size_t remaining, waiting;
    double rate;
    Duration spread, since_last_token, until_deadline;
    double eta;
  };
  const Row rows[] = {{"everyone is gone", 0, 0, 100, 5s, 0s, 60s, 0},
                      {"tokens first, then the longest wait", 500, 300, 100, 5s, 0s, 60s, 8},
                      {"all have their token: what is left of the longest wait", 50, 0, 100, 5s, 2s, 60s, 3},
                      {"later than that: at once", 50, 0, 100, 5s, 20s, 60s, 0},
                      {"the deadline comes first", 50'000, 50'000, 100, 5s, 0s, 60s, 60},
                      {"a rate of nothing", 50, 50, 0, 5s, 0s, 60s, 60},
                      {"past the deadline", 50, 50, 100, 5s, 0s, -1s, 0}};
  const SteadyTime now(1h);
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(drain_eta_seconds(row.remaining, row.waiting, row.rate, row.spread, now - row.since_last_token,
                            now + row.until_deadline, now) == doctest::Approx(row.eta));
  }
}

}  // namespace
}  // namespace sluice::gateway
