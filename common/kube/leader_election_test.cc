#include "common/kube/leader_election.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "common/kube/fake_api.h"

namespace sluice::kube {
namespace {

constexpr Duration kLong{20'000};  // reached only by a fault

/// An API server with one Lease, which carries out what it is told but may lose the answer.
class LeaseServer {
 public:
  /// kSentTwice: as libcurl does where the connection ended before a byte of the answer; the answer is a conflict.
  enum class Fate { kAnswered, kAnswerLost, kSentTwice, kHangs };
  /// What becomes of write number `n`, from 1; it may take its time.
  using WriteFate = std::function<Fate(int n)>;

  explicit LeaseServer(
      WriteFate fate = [](int) { return Fate::kAnswered; }, Json lease = nullptr)
      : fate_(std::move(fate)), lease_(std::move(lease)), api_([this](const std::string& r) { return serve(r); }) {}

  [[nodiscard]] Config config() const { return api_.config(); }
  Json lease() {
    const std::lock_guard lock(mutex_);
    return lease_;
  }
  std::string holder() { return text_at(lease(), "/spec/holderIdentity"); }
  int conflicts() {
    const std::lock_guard lock(mutex_);
    return conflicts_;
  }
  bool wait_writes(int count) {
    return wait([&] { return writes_ >= count; });
  }
  bool wait_reads(int count) {
    return wait([&] { return reads_ >= count; });
  }

 private:
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, condition);
  }
  template <typename Change>
  auto change(Change apply) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    return apply();
  }

  std::string serve(const std::string& request) {
    if (request.find("?watch=true") != std::string::npos) return open_watch("");
    if (request.starts_with("GET ")) {
      return change([&] {
        ++reads_;
        return lease_.is_null() ? answer(404, "{}") : answer(200, lease_.dump());
      });
    }
    const Fate fate = fate_(change([&] { return ++writes_; }));
    if (fate == Fate::kHangs) return "";
    const Json wanted = Json::parse(request.substr(request.find("\r\n\r\n")));
    if (fate == Fate::kSentTwice) change([&] { return write(wanted); });
    const std::string done = change([&] { return write(wanted); });
    return fate == Fate::kAnswerLost ? kHangUp : done;
  }
  std::string write(Json wanted) {
    if (resource_version_of(lease_) != resource_version_of(wanted)) {
      ++conflicts_;
      return answer(409, "{}");
    }
    wanted["metadata"]["resourceVersion"] = std::to_string(++version_);
    lease_ = std::move(wanted);
    return answer(200, lease_.dump());
  }

  const WriteFate fate_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Json lease_;  // guarded by mutex_, as all below
  int version_ = 100;
  int reads_ = 0;
  int writes_ = 0;
  int conflicts_ = 0;
  FakeApi api_;  // last: its threads use what stands above
};

using Fate = LeaseServer::Fate;

/// A candidate, and what it was told: "started;lost;".
struct Candidate {
  Random random{1};
  Client client;
  std::mutex mutex;
  std::condition_variable changed;
  std::string told;
  LeaderElector elector;

  Candidate(const LeaseServer& server, const Clock& clock, LeaderElector::Options options)
      : client(server.config(), "test", nullptr), elector(client, clock, random, std::move(options), nullptr) {
    elector.start([this] { tell("started;"); }, [this] { tell("lost;"); });
  }
  void tell(const char* what) {
    const std::lock_guard lock(mutex);
    told += what;
    changed.notify_all();
  }
  bool wait_told(const std::string& all) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kLong, [&] { return told == all; });
  }
  std::string all_told() {
    const std::lock_guard lock(mutex);
    return told;
  }
};

/// Renews all the time; its deadline passes only where a test moves the clock.
LeaderElector::Options busy() {
  return {.ns = "ns", .name = "lock", .identity = "me", .retry = 1ms};
}

Json held_by_other() {
  return Json::parse(R"({"metadata":{"name":"lock","resourceVersion":"7","annotations":{"note":"keep"}},
                         "spec":{"holderIdentity":"other","leaseDurationSeconds":15,"leaseTransitions":3}})");
}

}  // namespace

TEST_CASE("a Lease is taken, renewed, and let go at the end") {
  LeaseServer server;
  const ManualClock clock;
  Candidate candidate(server, clock, busy());
  REQUIRE(candidate.wait_told("started;"));
  REQUIRE(server.wait_writes(3));
  CHECK(candidate.elector.leading());
  CHECK(server.holder() == "me");
  candidate.elector.stop_and_release();
  CHECK_FALSE(candidate.elector.leading());
  CHECK(server.holder().empty());
  CHECK(integer_at(server.lease(), "/spec/leaseDurationSeconds", 0) == 1);
  CHECK(candidate.all_told() == "started;");
}

TEST_CASE("a holder that was silent for its time is followed, and what others keep in the Lease stays") {
  LeaseServer server([](int) { return Fate::kAnswered; }, held_by_other());
  ManualClock clock;
  Candidate candidate(server, clock, busy());
  REQUIRE(server.wait_reads(2));  // by the second one it has taken in the first
  clock.advance(14s);
  REQUIRE(server.wait_reads(5));
  CHECK(server.holder() == "other");
  clock.advance(1s);
  REQUIRE(candidate.wait_told("started;"));
  candidate.elector.stop_and_release();
  CHECK(text_at(server.lease(), "/metadata/annotations/note") == "keep");
  CHECK(integer_at(server.lease(), "/spec/leaseTransitions", 0) == 4);
}

TEST_CASE("a write whose answer is lost costs no leadership") {
  for (const int lost : {1, 2}) {
    CAPTURE(lost);  // the take, the first renewal
    LeaseServer server([lost](int n) { return n == lost ? Fate::kAnswerLost : Fate::kAnswered; });
    const ManualClock clock;
    Candidate candidate(server, clock, busy());
    REQUIRE(candidate.wait_told("started;"));
    REQUIRE(server.wait_writes(5));
    CHECK(candidate.elector.leading());
    candidate.elector.stop_and_release();
    CHECK(candidate.all_told() == "started;");
    CHECK(server.conflicts() == 0);  // what it had written is read before it writes again
    CHECK(server.holder().empty());
  }
}

TEST_CASE("a renewal that hangs ends in time for another one") {
  LeaseServer server([](int n) { return n == 2 ? Fate::kHangs : Fate::kAnswered; });
  const ManualClock clock;  // the calls' time limit is real, the deadline is not
  LeaderElector::Options options = busy();
  options.renew_deadline = 100ms;
  Candidate candidate(server, clock, options);
  REQUIRE(server.wait_writes(4));
  CHECK(candidate.elector.leading());
  CHECK(candidate.all_told() == "started;");
}

TEST_CASE("a leader whose renewal hangs past its deadline has lost") {
  LeaseServer server([](int n) { return n == 2 ? Fate::kHangs : Fate::kAnswered; });
  ManualClock clock;
  Candidate candidate(server, clock, busy());
  REQUIRE(server.wait_writes(2));
  CHECK(candidate.elector.leading());
  clock.advance(LeaderElector::kRenewDeadline);
  candidate.elector.poke();
  REQUIRE(candidate.wait_told("started;lost;"));
  CHECK_FALSE(candidate.elector.leading());
  candidate.client.shut_down();  // else the call would hang for the rest of its time
  candidate.elector.stop_and_release();
}

TEST_CASE("a candidate that is stopped while it takes the Lease gives it back") {
  for (const Fate fate : {Fate::kAnswered, Fate::kAnswerLost, Fate::kSentTwice}) {
    CAPTURE(static_cast<int>(fate));
    std::promise<void> go_on;
    LeaseServer server([fate, may_go_on = go_on.get_future().share()](int n) {
      if (n > 1) return Fate::kAnswered;
      may_go_on.wait();
      return fate;
    });
    const ManualClock clock;
    Candidate candidate(server, clock, busy());
    REQUIRE(server.wait_writes(1));
    auto stopped = std::async(std::launch::async, [&] { candidate.elector.stop_and_release(); });
    CHECK(stopped.wait_for(50ms) == std::future_status::timeout);  // it waits for the write
    go_on.set_value();
    stopped.get();
    CHECK(server.holder().empty());
    CHECK(integer_at(server.lease(), "/spec/leaseDurationSeconds", 0) == 1);
  }
}

}  // namespace sluice::kube
