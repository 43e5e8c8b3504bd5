#include "operator/state_poller.h"

#include <doctest/doctest.h>

#include <future>
#include <map>
#include <vector>

#include "operator/limits.h"

namespace sluice::op {
namespace {

/// Answers each call at once with what the test has set for that pod.
class ScriptedApi final : public AdminApi {
 public:
  void call(AdminCall call, Done done) override {
    Result<GatewayState> answer = Error{ErrorCode::kUnavailable, "nobody there", std::nullopt};
    {
      const std::lock_guard lock(mutex_);
      ++calls_;
      if (call.uid.starts_with("hangs")) {
        hanging_.push_back(std::move(done));
        return;
      }
      const auto it = connections_.find(call.uid);
      if (it != connections_.end()) answer = GatewayState{.connections = it->second, .drain = std::nullopt};
    }
    done(std::move(answer));
  }
  void set(const std::string& uid, std::int64_t connections) {
    const std::lock_guard lock(mutex_);
    connections_[uid] = connections;
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::size_t hanging() {
    const std::lock_guard lock(mutex_);
    return hanging_.size();
  }
  /// The calls to pods that hang end at last.
  void let_go() {
    std::vector<Done> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(hanging_);
    }
    for (const Done& done : all) done(Error{ErrorCode::kUnavailable, "time is up", std::nullopt});
  }

 private:
  std::mutex mutex_;
  std::vector<Done> hanging_;
  std::map<std::string, std::int64_t> connections_;
  int calls_ = 0;
};

}  // namespace

TEST_CASE("the poller asks what it was told to ask, keeps the answers and tells of changes") {
  ScriptedApi api;
  api.set("a", 7);
  StateStore states;
  states.set_pods("live/edge", {"a", "silent"});
  SystemClock clock;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> changes;
  std::map<std::string, int> answers;
  StatePoller poller(api, states, clock, [&](const PollTarget& target, bool is_change) {
    const std::lock_guard lock(mutex);
    ++answers[target.uid];
    changes[target.uid] += is_change;
    changed.notify_all();
  });
  const auto wait_for = [&](const auto& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, condition);
  };
  poller.start();
  CHECK(api.calls() == 0);
  poller.set_targets(
      "live/edge",
      {{"a", "a:1", "live/edge", PollUrgency::kDraining}, {"silent", "s:1", "live/edge", PollUrgency::kDraining}}, 2);
  REQUIRE(wait_for([&] { return answers["a"] >= 2 && answers["silent"] >= 2; }));
  CHECK(states.get("a").state->connections == 7);
  CHECK(states.get("silent").failed_at);
  {
    const std::lock_guard lock(mutex);
    CHECK(changes["a"] == 1);  // The second answer said nothing new.
    CHECK(changes["silent"] == 1);
  }
  api.set("a", 6);
  REQUIRE(wait_for([&] { return changes["a"] == 2; }));
  CHECK(states.get("a").state->connections == 6);
  poller.stop();
  const int calls = api.calls();
  poller.set_targets("live/edge", {{"b", "b:1", "live/edge", PollUrgency::kDraining}}, 2);
  CHECK(api.calls() == calls);
}

TEST_CASE("a candidate is asked though every draining pod hangs") {
  ScriptedApi api;
  api.set("c", 7);
  StateStore states;
  states.set_pods("live/edge", {"c"});
  SystemClock clock;
  std::promise<void> heard;
  std::once_flag once;
  StatePoller poller(api, states, clock, [&](const PollTarget& target, bool) {
    if (target.uid == "c" && api.hanging() >= static_cast<std::size_t>(kOtherPollsMax)) {
      std::call_once(once, [&] { heard.set_value(); });
    }
  });
  std::vector<PollTarget> targets{{"c", "c:1", "live/edge", PollUrgency::kCandidate}};
  for (int i = 0; i < 2 * kAdminCallsMax; ++i) {
    targets.push_back({"hangs" + std::to_string(i), "h:1", "live/edge", PollUrgency::kDraining});
  }
  poller.set_targets("live/edge", targets, 1);
  poller.start();
  CHECK(heard.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(api.hanging() == static_cast<std::size_t>(kOtherPollsMax));
  poller.forget("live/edge");
  api.let_go();
  poller.stop();
}

}  // namespace sluice::op
