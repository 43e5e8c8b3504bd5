#include "common/http/worker_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>

namespace sluice::http {
namespace {

TEST_CASE("a worker pool refuses what its queue cannot hold") {
  std::promise<void> started, release;
  WorkerPool pool(1, 2);
  REQUIRE(pool.submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();

  std::atomic<int> ran = 0;
  std::promise<void> both;
  const auto job = [&] {
    if (++ran == 2) both.set_value();
  };
  CHECK(pool.submit(job));
  CHECK(pool.submit(job));
  CHECK_FALSE(pool.submit(job));
  release.set_value();
  both.get_future().wait();
  CHECK(ran == 2);
}

TEST_CASE("a stopped worker pool has finished what ran and drops what waited") {
  std::promise<void> started, release;
  std::atomic<bool> finished = false, waited_ran = false;
  WorkerPool pool(1, 1'000'000);  // never full here: submit() fails only once stop() has closed the queue
  REQUIRE(pool.submit([&] {
    started.set_value();
    release.get_future().wait();
    finished = true;
  }));
  started.get_future().wait();
  REQUIRE(pool.submit([&] { waited_ran = true; }));
  auto stopper = std::async(std::launch::async, [&] { pool.stop(); });
  while (pool.submit([&] { waited_ran = true; })) std::this_thread::yield();
  release.set_value();
  stopper.get();
  CHECK(finished);
  CHECK_FALSE(waited_ran);
}

}  // namespace
}  // namespace sluice::http
