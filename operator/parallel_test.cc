#include "operator/parallel.h"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <set>

namespace sluice::op {

TEST_CASE("run_parallel runs each task once and keeps to its width") {
  std::mutex mutex;
  std::set<int> seen;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  run_parallel(100, 4, [&](int index) {
    const int now = ++running;
    int before = most;
    while (before < now && !most.compare_exchange_weak(before, now)) {
    }
    {
      const std::lock_guard lock(mutex);
      CHECK(seen.insert(index).second);
    }
    --running;
  });
  CHECK(seen.size() == 100);
  CHECK(most <= 4);
  run_parallel(0, 4, [](int) { FAIL("nothing to run"); });
}

TEST_CASE("slow_start stops after the first batch with a failure") {
  struct Row {
    const char* name;
    int count;
    int fails_from;
    int ran;
  };
  const Row rows[] = {
      {"all succeed", 10, 99, 10},
      {"the first fails: one call finds out", 1000, 0, 1},
      {"one of the second batch", 1000, 2, 3},
      {"one of the third batch", 1000, 5, 7},
      {"nothing to do", 0, 0, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::atomic<int> calls{0};
    CHECK(slow_start(row.count, 4, [&](int index) {
            ++calls;
            return index < row.fails_from;
          }) == row.ran);
    CHECK(calls == row.ran);
  }
}

}  // namespace sluice::op
