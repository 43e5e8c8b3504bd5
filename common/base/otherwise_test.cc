#include "common/base/otherwise.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>

namespace sluice {

TEST_CASE("what ends in time has no consequence") {
  std::atomic<int> acted{0};
  {
    const Otherwise otherwise(1h, [&] { ++acted; });
  }
  CHECK(acted == 0);
}

TEST_CASE("what does not end in time has one") {
  std::atomic<int> acted{0};
  std::promise<void> done;
  {
    const Otherwise otherwise(0ms, [&] {
      ++acted;
      done.set_value();
    });
    done.get_future().wait();
  }
  CHECK(acted == 1);
}

TEST_CASE("an action that has begun is over when the object is gone") {
  std::atomic<bool> over{false};
  std::promise<void> begun;
  std::promise<void> let_go;
  std::thread helper;
  {
    const Otherwise otherwise(0ms, [&] {
      begun.set_value();
      let_go.get_future().wait();
      over = true;
    });
    begun.get_future().wait();
    helper = std::thread([&] { let_go.set_value(); });
  }
  CHECK(over);
  helper.join();
}

}  // namespace sluice
