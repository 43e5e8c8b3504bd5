#include "operator/memory.h"

#include <doctest/doctest.h>

#include "operator/limits.h"

namespace sluice::op {

TEST_CASE("after a refusal no pod is made for a while that doubles, until one is made") {
  ManualClock clock;
  Memory memory(clock);
  const Problem quota{"CreateFailed", "exceeded quota"};
  CHECK(memory.of("live/edge").creates_held == 0ms);
  Duration expected = kCreateHoldFirst;
  for (int refusal = 0; refusal < 12; ++refusal) {
    memory.note_creates("live/edge", quota);
    CHECK(memory.of("live/edge").creates_held == expected);
    CHECK(memory.of("live/edge").create_problem.message == "exceeded quota");
    CHECK(memory.of("live/other").creates_held == 0ms);
    clock.advance(expected);
    CHECK(memory.of("live/edge").creates_held == 0ms);
    expected = std::min(expected * 2, kCreateHoldMax);
  }
  memory.note_creates("live/edge", {});
  CHECK(memory.of("live/edge").create_problem.reason.empty());
  memory.note_creates("live/edge", quota);
  CHECK(memory.of("live/edge").creates_held == kCreateHoldFirst);
}

TEST_CASE("a choice counts from when it came up") {
  ManualClock clock;
  Memory memory(clock);
  memory.note_choosing("live/edge", true);
  clock.advance(300ms);
  memory.note_choosing("live/edge", true);
  CHECK(memory.of("live/edge").choosing_for == 300ms);
  memory.note_choosing("live/edge", false);
  CHECK(memory.of("live/edge").choosing_for == 0ms);
}

TEST_CASE("the progress clock runs from when something moved last") {
  ManualClock clock;
  Memory memory(clock);
  CHECK(memory.of("live/edge").progress.aim.empty());
  memory.note_progress("live/edge", {.mark = {.aim = "a/0", .best = {.updated = 1}}, .moved = true});
  clock.advance(3s);
  memory.note_progress("live/edge", {.mark = {.aim = "a/0", .best = {.updated = 1}}, .moved = false});
  CHECK(memory.of("live/edge").progress_age == 3s);
  CHECK(memory.of("live/edge").progress.best.updated == 1);
  memory.note_progress("live/edge", {.mark = {.aim = "a/0", .best = {.updated = 2}}, .moved = true});
  CHECK(memory.of("live/edge").progress_age == 0s);
}

TEST_CASE("what is unsure stays so until the pod has been read") {
  ManualClock clock;
  Memory memory(clock);
  memory.note_unsure("live/edge", {"a", "b"});
  memory.note_sure("live/edge", "a");
  CHECK(memory.of("live/edge").unsure == std::set<std::string>{"b"});
}

TEST_CASE("the throttle takes a step at a time while somebody releases") {
  ManualClock clock;
  Memory memory(clock);
  CHECK(memory.step_throttle("live/edge", 0.5, false) == doctest::Approx(0.5));
  CHECK(memory.step_throttle("live/edge", 1, false) == doctest::Approx(1));
  CHECK(memory.step_throttle("live/edge", 0.5, true) == doctest::Approx(1));
  clock.advance(kThrottleEvery);
  CHECK(memory.step_throttle("live/edge", 0.5, true) == doctest::Approx(0.75));
  CHECK(memory.step_throttle("live/edge", 0.5, true) == doctest::Approx(0.75));
  clock.advance(kThrottleEvery);
  CHECK(memory.step_throttle("live/edge", 0.5, true) == doctest::Approx(0.62));
}

TEST_CASE("what lasts is news when it begins, and again when it comes back") {
  ManualClock clock;
  Memory memory(clock);
  using Uids = std::set<std::string>;
  CHECK(memory.news_of("live/edge", "late", {"a", "b"}) == Uids{"a", "b"});
  CHECK(memory.news_of("live/edge", "late", {"b", "c"}) == Uids{"c"});
  CHECK(memory.news_of("live/edge", "cost", {"b"}) == Uids{"b"});
  CHECK(memory.news_of("live/edge", "late", {}).empty());
  CHECK(memory.news_of("live/edge", "late", {"b"}) == Uids{"b"});
}

TEST_CASE("news are told once, and forgotten with their gateway") {
  ManualClock clock;
  Memory memory(clock);
  CHECK_FALSE(memory.is_news("live/edge", {}));
  CHECK(memory.is_news("live/edge", {"NameTaken", "x"}));
  CHECK_FALSE(memory.is_news("live/edge", {"NameTaken", "x"}));
  CHECK(memory.is_news("live/edge", {"NameTaken", "y"}));
  CHECK_FALSE(memory.is_news("live/edge", {}));
  CHECK(memory.is_news("live/edge", {"NameTaken", "y"}));
  CHECK(memory.is_new_stranger("u"));
  CHECK_FALSE(memory.is_new_stranger("u"));

  memory.note_taken("live/edge", {"edge-a"});
  memory.note_orphaned("live/edge", "u-1");
  CHECK(memory.of("live/edge").taken_names.contains("edge-a"));
  CHECK(memory.of("live/edge").orphaned_uid == "u-1");
  memory.forget("live/edge");
  CHECK(memory.of("live/edge").taken_names.empty());
  CHECK(memory.of("live/edge").orphaned_uid.empty());
}

TEST_CASE("a rebalance counts from the last pod that left, and from its end") {
  ManualClock clock;
  Memory memory(clock);
  CHECK(memory.note_rebalanced("k", {}) == 0);
  CHECK_FALSE(memory.of("k").rebalancing_for);
  CHECK(memory.note_rebalanced("k", {"a"}) == 1);
  clock.advance(5s);
  CHECK(memory.of("k").rebalancing_for == 5s);
  CHECK(memory.note_rebalanced("k", {"a", "b"}) == 0);
  clock.advance(3s);
  CHECK(memory.note_rebalanced("k", {"b"}) == 0);
  CHECK(memory.of("k").rebalancing_for == 3s);
  CHECK_FALSE(memory.of("k").rebalanced_ago);
  CHECK(memory.note_rebalanced("k", {}) == -1);
  clock.advance(7s);
  CHECK_FALSE(memory.of("k").rebalancing_for);
  CHECK(memory.of("k").rebalanced_ago == 7s);
  // What holds kicks back is told when it begins.
  CHECK(memory.is_new_hold("k", "a stays"));
  CHECK_FALSE(memory.is_new_hold("k", "a stays, still"));
  CHECK_FALSE(memory.is_new_hold("k", ""));
  CHECK(memory.is_new_hold("k", "a stays"));
}

}  // namespace sluice::op
