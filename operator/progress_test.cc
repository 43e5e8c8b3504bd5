#include "operator/progress.h"

#include <doctest/doctest.h>

#include <vector>

namespace sluice::op {
namespace {

/// One look, `after` the one before.
struct Look {
  Duration after{0};
  ProgressCounts counts;
  bool at_target = false;
  bool held = false;
  const char* aim = "new/0";
};

/// What each look in turn comes to: '.' the clock runs on, 'm' it begins anew, 'x' the deadline has passed.
std::string story(const std::vector<Look>& looks, bool was_exceeded = false) {
  GatewaySpec spec;
  spec.progress_deadline = 600s;
  ProgressMark mark;
  Duration age{0};
  std::string told;
  for (const Look& look : looks) {
    age += look.after;
    const ProgressDecision decision = decide_progress(spec, mark, age,
                                                      {.aim = look.aim,
                                                       .counts = look.counts,
                                                       .at_target = look.at_target,
                                                       .held = look.held,
                                                       .was_exceeded = was_exceeded});
    mark = decision.mark;
    if (decision.moved) age = Duration(0);
    told += mark.exceeded ? 'x' : decision.moved ? 'm' : '.';
  }
  return told;
}

}  // namespace

TEST_CASE("decide_progress tells a rollout that comes no further from one that does") {
  const ProgressCounts none{.updated = 1, .updated_available = 0, .former = 10, .available = 10};
  const ProgressCounts one{.updated = 1, .updated_available = 1, .former = 10, .available = 11};
  const ProgressCounts gone{.updated = 1, .updated_available = 1, .former = 9, .available = 10};
  struct Row {
    const char* name;
    std::vector<Look> looks;
    const char* story;
  };
  const Row rows[] = {
      {"nothing moves: the deadline passes", {{0s, none}, {599s, none}, {1s, none}, {1h, none}}, "m.xx"},
      {"a pod that becomes available is progress", {{0s, none}, {599s, one}, {599s, one}, {1s, one}}, "mm.x"},
      {"an old pod that goes is progress", {{0s, one}, {599s, gone}, {599s, gone}}, "mm."},
      {"one that crashes and comes back is not",
       {{0s, none}, {100s, one}, {200s, none}, {200s, one}, {200s, none}},
       "mm..x"},
      {"progress after the deadline ends the alarm", {{0s, none}, {600s, none}, {1s, one}}, "mxm"},
      {"a drain holds the clock, and its end begins it anew",
       {{0s, one}, {500s, one, false, true}, {1h, one, false, true}, {1s, one}, {599s, one}, {1s, one}},
       "mmmm.x"},
      {"at its target there is nothing to wait for", {{0s, gone, true}, {1h, gone, true}, {1h, gone, true}}, "mmm"},
      {"what is lost later has the whole time to come back",
       {{0s, one, true}, {1h, one, true}, {1s, none}, {599s, none}, {1s, none}},
       "mmm.x"},
      {"another aim is another clock",
       {{0s, none}, {600s, none}, {1s, none, false, false, "newer/0"}, {1s, none, false, false, "newer/0"}},
       "mxm."},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(story(row.looks) == row.story);
  }
}

TEST_CASE("a new leader believes the status until something moves") {
  const ProgressCounts none{.updated = 1, .updated_available = 0, .former = 10, .available = 10};
  const ProgressCounts one{.updated = 1, .updated_available = 1, .former = 10, .available = 11};
  CHECK(story({{0s, none}, {1s, none}, {1s, one}}, true) == "xxm");
  CHECK(story({{0s, none, true}, {1s, none}}, true) == "mm");
}

TEST_CASE("the deadline wakes whoever waits for it") {
  GatewaySpec spec;
  spec.progress_deadline = 600s;
  const ProgressInput input{.aim = "new", .counts = {.updated = 1}};
  const ProgressDecision first = decide_progress(spec, {}, 0s, input);
  CHECK(first.wake_after == 600s);
  CHECK(decide_progress(spec, first.mark, 250s, input).wake_after == 350s);
  CHECK_FALSE(decide_progress(spec, first.mark, 600s, input).wake_after);
}

}  // namespace sluice::op
