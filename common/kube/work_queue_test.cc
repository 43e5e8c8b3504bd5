#include "common/kube/work_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

namespace sluice::kube {
namespace {

struct Fixture {
  ManualClock clock;
  MetricsRegistry metrics;
  WorkQueue queue{clock, {.name = "test"}, &metrics};

  std::string get() { return queue.get().value_or("(shut down)"); }
  bool metric(const std::string& line) const { return metrics.text().find(line + "\n") != std::string::npos; }
};

/// The machine's clock, which counts how often it was asked.
class CountedClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override {
    ++asked_;
    return clock_.steady();
  }
  [[nodiscard]] WallTime wall() const override { return clock_.wall(); }
  void wait_asked(int count) const {
    while (asked_ < count) std::this_thread::yield();  // the test's time limit is the deadline
  }

 private:
  SystemClock clock_;
  mutable std::atomic<int> asked_{0};
};

}  // namespace

TEST_CASE("a key is queued once however often it is added") {
  Fixture f;
  f.queue.add("a");
  f.queue.add("b");
  f.queue.add("a");
  CHECK(f.queue.depth() == 2);
  CHECK(f.get() == "a");
  CHECK(f.get() == "b");
  CHECK(f.queue.depth() == 0);
}

TEST_CASE("a key that is added while it is worked on comes again after done, not before") {
  Fixture f;
  f.queue.add("a");
  CHECK(f.get() == "a");
  f.queue.add("a");
  f.queue.add("a");
  CHECK(f.queue.depth() == 0);
  f.queue.done("a");
  CHECK(f.queue.depth() == 1);
  CHECK(f.get() == "a");
  f.queue.done("a");
  CHECK(f.queue.depth() == 0);
  f.queue.done("never got");
}

TEST_CASE("of several waits for a key the shortest counts, once") {
  Fixture f;
  f.queue.add_after("a", 10s);
  f.queue.add_after("a", 2s);
  f.queue.add_after("a", 30s);
  f.queue.add_after("b", 5s);
  f.clock.advance(2s);
  CHECK(f.get() == "a");
  f.queue.done("a");
  f.clock.advance(60s);
  CHECK(f.get() == "b");
  f.queue.shut_down();
  CHECK_FALSE(f.queue.get());
}

TEST_CASE("a higher priority goes first, and of one key the highest counts") {
  Fixture f;
  f.queue.add("a", kLowPriority);
  f.queue.add("b", kLowPriority);
  f.queue.add("c");
  f.queue.add("b");
  f.queue.add("c", kLowPriority);
  CHECK(f.metric("workqueue_depth{controller=\"test\",name=\"test\",priority=\"-100\"} 1"));
  CHECK(f.metric("workqueue_depth{controller=\"test\",name=\"test\",priority=\"0\"} 2"));
  CHECK(f.queue.depth() == 3);
  CHECK(f.get() == "c");
  CHECK(f.get() == "b");
  const auto low = f.queue.get_with_priority();
  REQUIRE(low.has_value());
  CHECK(low->key == "a");
  CHECK(low->priority == kLowPriority);
  CHECK(f.metric("workqueue_depth{controller=\"test\",name=\"test\",priority=\"-100\"} 0"));
  // While it is worked on, and after a wait.
  f.queue.add("a", kLowPriority);
  f.queue.add("a");
  f.queue.done("a");
  CHECK(f.queue.get_with_priority()->priority == kNormalPriority);
  f.queue.done("a");
  f.queue.add_after("a", 1s, kLowPriority);
  f.queue.add_after("a", 2s);
  f.clock.advance(1s);
  CHECK(f.queue.get_with_priority()->priority == kNormalPriority);
  f.queue.done("a");
  f.queue.add_rate_limited("a", kLowPriority);
  f.clock.advance(1s);
  CHECK(f.queue.get_with_priority()->priority == kLowPriority);
}

TEST_CASE("a key of low priority does not wait for ever") {
  Fixture f;
  f.queue.add("middle", kLowPriority / 2);
  f.clock.advance(1s);
  f.queue.add("low", kLowPriority);
  f.clock.advance(1s);
  std::vector<std::string> got;
  for (int i = 0; i < 2 * WorkQueue::kFairEvery; ++i) {
    f.queue.add("busy");
    got.push_back(f.get());
    f.queue.done(got.back());
  }
  CHECK(std::count(got.begin(), got.end(), "busy") == 2 * WorkQueue::kFairEvery - 2);
  CHECK(got[WorkQueue::kFairEvery - 1] == "middle");
  CHECK(got[2 * WorkQueue::kFairEvery - 1] == "low");
}

TEST_CASE("the backoff of a key doubles until it is forgotten") {
  Fixture f;
  for (const Duration wait : {5ms, 10ms, 20ms}) {
    f.queue.add_rate_limited("a");
    f.clock.advance(wait - 1ms);
    f.queue.add("probe");
    CHECK(f.get() == "probe");
    f.queue.done("probe");
    f.clock.advance(1ms);
    CHECK(f.get() == "a");
    f.queue.done("a");
  }
  CHECK(f.queue.failures("a") == 3);
  f.queue.forget("a");
  CHECK(f.queue.failures("a") == 0);
  f.queue.add_rate_limited("a");
  f.clock.advance(5ms);
  CHECK(f.get() == "a");
}

TEST_CASE("after shut_down what is queued is still given out and nothing is taken in") {
  Fixture f;
  f.queue.add("a");
  f.queue.add_after("late", 1s);
  f.queue.shut_down();
  f.queue.add("b");
  f.queue.add_rate_limited("c");
  f.clock.advance(1h);
  CHECK(f.get() == "a");
  CHECK_FALSE(f.queue.get());
}

TEST_CASE("shut_down wakes every worker that waits") {
  Fixture f;
  std::atomic<int> ended = 0;
  std::vector<std::thread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      while (f.queue.get()) {
      }
      ++ended;
    });
  }
  f.queue.shut_down();
  for (std::thread& worker : workers) worker.join();
  CHECK(ended == 4);
}

TEST_CASE("a worker that waits for a time looks at the clock again when it is poked") {
  Fixture f;
  f.queue.add_after("a", 1h);
  std::optional<std::string> got;
  std::thread worker([&] { got = f.queue.get(); });
  f.clock.advance(1h);
  f.queue.poke();
  worker.join();
  CHECK(got == "a");
}

TEST_CASE("a key that is waited for comes in time, whichever worker the one before it wakes") {
  const CountedClock clock;
  WorkQueue queue(clock, {.name = "baton"}, nullptr);
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> got;
  std::vector<std::thread> workers;
  workers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      // Each takes one key and is busy with it from then on.
      const std::optional<std::string> key = queue.get();
      const std::lock_guard lock(mutex);
      if (key) got.insert(*key);
      changed.notify_all();
    });
  }
  // A worker asks for the time before it waits and holds the queue's lock until it does: both wait, without a limit.
  clock.wait_asked(2);
  queue.add_after("late", 10ms);
  // One of them now waits for "late"; it asked twice. The next key may wake either (glibc wakes the other one): where
  // it is the one that knows of "late", that one has to pass its knowledge on.
  clock.wait_asked(5);
  queue.add("now");
  {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, 20s, [&] { return got.size() == 2; }));
  }
  queue.shut_down();
  for (std::thread& worker : workers) worker.join();
  CHECK(got == std::set<std::string>{"late", "now"});
}

TEST_CASE("no key is worked on by two workers at once") {
  const SystemClock clock;
  WorkQueue queue(clock, {.name = "race"}, nullptr);
  std::atomic<int> at_once = 0;
  std::atomic<bool> overlapped = false;
  std::atomic<int> handled = 0;
  std::vector<std::thread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      while (const auto key = queue.get()) {
        if (++at_once != 1) overlapped = true;
        ++handled;
        --at_once;
        queue.done(*key);
      }
    });
  }
  for (int i = 0; i < 10'000; ++i) queue.add("the one key");
  queue.shut_down();
  for (std::thread& worker : workers) worker.join();
  CHECK_FALSE(overlapped);
  CHECK(handled >= 1);
}

TEST_CASE("metrics may be read after their queue has gone, and two queues share their names") {
  ManualClock clock;
  MetricsRegistry metrics;
  {
    WorkQueue one(clock, {.name = "one"}, &metrics);
    WorkQueue two(clock, {.name = "two"}, &metrics);
    const std::string text = metrics.text();
    CHECK(text.find("workqueue_unfinished_work_seconds{controller=\"one\",name=\"one\"} 0") != std::string::npos);
    CHECK(text.find("workqueue_unfinished_work_seconds{controller=\"two\",name=\"two\"} 0") != std::string::npos);
    const std::string type = "# TYPE workqueue_unfinished_work_seconds";
    CHECK(text.find(type) == text.rfind(type));
  }
  CHECK(metrics.text().find("workqueue_unfinished_work_seconds{") == std::string::npos);
}

TEST_CASE("metrics are named as client-go names them") {
  Fixture f;
  f.queue.add("a");
  CHECK(f.metric("workqueue_depth{controller=\"test\",name=\"test\",priority=\"0\"} 1"));
  CHECK(f.metric("workqueue_adds_total{controller=\"test\",name=\"test\"} 1"));
  CHECK(f.metric("workqueue_retries_total{controller=\"test\",name=\"test\"} 0"));
  CHECK(f.get() == "a");
  f.clock.advance(3s);
  CHECK(f.metric("workqueue_depth{controller=\"test\",name=\"test\",priority=\"0\"} 0"));
  CHECK(f.metric("workqueue_unfinished_work_seconds{controller=\"test\",name=\"test\"} 3"));
  CHECK(f.metric("workqueue_longest_running_processor_seconds{controller=\"test\",name=\"test\"} 3"));
  f.queue.done("a");
  CHECK(f.metric("workqueue_work_duration_seconds_count{controller=\"test\",name=\"test\"} 1"));
  CHECK(f.metric("workqueue_queue_duration_seconds_count{controller=\"test\",name=\"test\"} 1"));
  CHECK(f.metric("workqueue_unfinished_work_seconds{controller=\"test\",name=\"test\"} 0"));
}

TEST_CASE("a scrape while keys of another priority are first added does not lock both out") {
  MetricsRegistry metrics;
  WorkQueue queue(kSystemClock, {.name = "q"}, &metrics);
  std::thread scraper([&] {
    for (int i = 0; i < 200; ++i) (void)metrics.text();
  });
  for (int priority = 0; priority < 200; ++priority) queue.add("key" + std::to_string(priority), priority);
  scraper.join();
  CHECK(metrics.text().find(R"(priority="199"} 1)") != std::string::npos);
}

}  // namespace sluice::kube
