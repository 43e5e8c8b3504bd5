#include "operator/broadcast.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "operator/limits.h"

namespace sluice::op {
namespace {

/// Keeps calls until the test lets them go.
class HeldApi final : public AdminApi {
 public:
  void call(AdminCall call, Done done) override {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    held_.push_back(std::move(done));
    most_ = std::max(most_, held_.size());
  }
  /// Answers all that wait; false where none did.
  bool answer() {
    std::vector<Done> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(held_);
    }
    for (const Done& done : all) done(Error{ErrorCode::kUnavailable, "nobody there", std::nullopt});
    return !all.empty();
  }
  std::vector<AdminCall> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::size_t most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::vector<AdminCall> calls_;
  std::vector<Done> held_;
  std::size_t most_ = 0;
};

/// Answers at once, as a client that stops does.
class PromptApi final : public AdminApi {
 public:
  void call(AdminCall, Done done) override {
    ++calls;
    done(Error{ErrorCode::kUnavailable, "the operator stops", std::nullopt});
  }
  std::size_t calls = 0;
};

std::vector<PodRef> gateways(std::size_t count) {
  std::vector<PodRef> all;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(i);
    all.push_back({name, "uid-" + name, "7", name + ":9901"});
  }
  return all;
}

const AdminCall::Peer kPeer{"edge-x", "uid-x", "offline", 3};

}  // namespace

TEST_CASE("every gateway is told, a few at a time") {
  MetricsRegistry metrics;
  HeldApi api;
  Broadcaster broadcaster(api, metrics);
  broadcaster.tell(kPeer, gateways(30));
  CHECK(api.calls().size() == kBroadcastsInParallelMax);
  while (api.answer()) {
  }
  REQUIRE(api.calls().size() == 30);
  CHECK(api.most() == kBroadcastsInParallelMax);
  const AdminCall last = api.calls().back();
  CHECK(last.verb == AdminCall::Verb::kNodeStatus);
  CHECK(last.uid == "uid-p29");
  CHECK(last.address == "p29:9901");
  CHECK(last.peer.pod == "edge-x");
  CHECK(last.peer.status == "offline");
  CHECK(last.peer.severity == 3);
}

TEST_CASE("what is too much is dropped and counted, and answers at once do not pile up") {
  MetricsRegistry metrics;
  HeldApi held;
  PromptApi prompt;
  {
    Broadcaster slow(held, metrics);
    slow.tell(kPeer, gateways(kBroadcastsWaitingMax));
    slow.tell(kPeer, gateways(kBroadcastsInParallelMax + 5));
    const Counter dropped = metrics.counter("sluice_operator_broadcasts_dropped_total",
                                            "Gateways that were not told of a peer since too many waited to be told.");
    CHECK(dropped.value() == 5);
    CHECK(held.calls().size() == kBroadcastsInParallelMax);
    // What is under way is waited for, whenever it ends.
    std::atomic<bool> over = false;
    std::thread answers([&] {
      while (!over) (void)held.answer();
    });
    slow.stop();
    over = true;
    answers.join();
  }
  const std::size_t told = held.calls().size();
  CHECK_FALSE(held.answer());
  CHECK(held.calls().size() == told);
  Broadcaster fast(prompt, metrics);
  fast.tell(kPeer, gateways(kBroadcastsWaitingMax));
  CHECK(prompt.calls == kBroadcastsWaitingMax);
}

}  // namespace sluice::op
