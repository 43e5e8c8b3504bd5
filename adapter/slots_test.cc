#include "adapter/slots.h"

#include <doctest/doctest.h>

#include <optional>
#include <thread>
#include <vector>

namespace sluice::adapter {
namespace {

TEST_CASE("there are so many slots and no more, and each comes back") {
  Slots slots(2);
  std::optional<Slots::Lease> one(slots.take());
  {
    const Slots::Lease two = slots.take();
    CHECK(*one);
    CHECK(two);
    CHECK_FALSE(slots.take());
  }
  CHECK(slots.take());
  Slots::Lease moved = std::move(*one);
  one.reset();
  const Slots::Lease two = slots.take();
  CHECK(moved);
  CHECK(two);
  CHECK_FALSE(slots.take());
}

TEST_CASE("threads never hold more slots than there are") {
  Slots slots(3);
  std::atomic<int> held = 0, most = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        const Slots::Lease lease = slots.take();
        if (!lease) continue;
        const int now = ++held;
        int before = most.load();
        while (before < now && !most.compare_exchange_weak(before, now)) {
        }
        --held;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= 3);
  CHECK(most >= 1);
}

}  // namespace
}  // namespace sluice::adapter
