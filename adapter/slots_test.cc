#include "adapter/slots.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
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

TEST_CASE("who waits gets the slot that comes back, or none when his patience ends") {
  Slots slots(1, 1);
  std::optional<Slots::Lease> held(slots.take());
  CHECK_FALSE(slots.take_within(Duration(1)));
  auto waiter = std::async(std::launch::async, [&] { return slots.take_within(std::chrono::seconds(20)); });
  held.reset();
  CHECK(waiter.get());
  CHECK(slots.take());
}

TEST_CASE("no more wait than may") {
  Slots slots(1, 1);
  std::optional<Slots::Lease> held(slots.take());
  std::promise<void> refused;
  std::atomic<int> served = 0;
  const auto wait = [&] {
    const Slots::Lease lease = slots.take_within(std::chrono::seconds(20));
    if (lease) ++served;
    if (!lease) refused.set_value();
  };
  // One of the two waits, whichever it is; the other need not.
  std::thread one(wait), two(wait);
  refused.get_future().wait();
  held.reset();
  one.join();
  two.join();
  CHECK(served == 1);
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
