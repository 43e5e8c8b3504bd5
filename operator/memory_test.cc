#include "operator/memory.h"

#include <doctest/doctest.h>

#include "operator/limits.h"

namespace sluice::op {

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

TEST_CASE("what is unsure stays so until the pod has been read") {
  ManualClock clock;
  Memory memory(clock);
  memory.note_unsure("live/edge", {"a", "b"});
  memory.note_sure("live/edge", "a");
  CHECK(memory.of("live/edge").unsure == std::set<std::string>{"b"});
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
  CHECK(memory.of("live/edge").taken_names.contains("edge-a"));
  memory.forget("live/edge");
  CHECK(memory.of("live/edge").taken_names.empty());
}

}  // namespace sluice::op
