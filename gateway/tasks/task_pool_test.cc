#include "gateway/tasks/task_pool.h"

#include <doctest/doctest.h>

#include <future>

#include "gateway/testing/gate.h"
#include "gateway/testing/socket.h"

namespace sluice::gateway {
namespace {

using testing::eventually;
using testing::Gate;

TEST_CASE("a full queue refuses, and what was taken is done") {
  TaskPool pool(1, 2);
  Gate gate;
  REQUIRE(pool.submit(gate.task()));
  gate.wait_until_taken();
  CHECK(pool.in_flight() == 1);
  std::atomic<int> done = 0;
  const auto count = [&done](const std::atomic<bool>&) { return ++done > 0; };
  CHECK(pool.submit({{0, 1}, count}));
  CHECK(pool.submit({{0, 2}, count}));
  CHECK(pool.queued() == 2);
  CHECK(!pool.submit({{0, 3}, count}));
  CHECK(pool.rejected() == 1);
  gate.open();
  CHECK(eventually([&] { return pool.completed() == 3; }));
  CHECK(done == 2);
  CHECK(pool.queued() == 0);
  CHECK(pool.in_flight() == 0);
}

TEST_CASE("a closed connection's queued tasks are dropped, others' are not") {
  TaskPool pool(1, 10);
  Gate gate;
  REQUIRE(pool.submit(gate.task()));
  gate.wait_until_taken();
  std::atomic<int> mine = 0;
  std::atomic<int> others = 0;
  for (int i = 0; i < 3; ++i) REQUIRE(pool.submit({{0, 1}, [&mine](const std::atomic<bool>&) { return ++mine > 0; }}));
  REQUIRE(
      pool.submit({{1, 1}, [&others](const std::atomic<bool>&) { return ++others > 0; }}));  // Same id, another shard.
  CHECK(pool.drop({0, 1}) == 3);
  CHECK(pool.dropped() == 3);
  gate.open();
  CHECK(eventually([&] { return others == 1; }));
  CHECK(mine == 0);
}

TEST_CASE("stopping tells the running task and drops the rest") {
  TaskPool pool(2, 10);
  std::promise<void> begun;
  std::atomic<bool> told = false;
  REQUIRE(pool.submit({{0, 1}, [&](const std::atomic<bool>& stopping) {
                         begun.set_value();
                         told = eventually([&stopping] { return stopping.load(); });
                         return true;
                       }}));
  begun.get_future().wait();
  pool.stop();
  CHECK(told);
  CHECK(!pool.submit({{0, 1}, [](const std::atomic<bool>&) { return true; }}));
}

TEST_CASE("a task that fails is not counted among those that succeeded") {
  TaskPool pool(1, 10);
  REQUIRE(pool.submit({{0, 1}, [](const std::atomic<bool>&) { return false; }}));
  REQUIRE(pool.submit({{0, 1}, [](const std::atomic<bool>&) { return true; }}));
  CHECK(eventually([&] { return pool.completed() == 1; }));
  CHECK(pool.failed() == 1);
}

}  // namespace
}  // namespace sluice::gateway
