#include "bench/loadgen/client.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "bench/loadgen/echo.h"

namespace sluice::loadgen {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};
const char kHint[] = R"({"reconnect":{"after_ms":10000,"reason":"drain","resume":""}})";

// Writes down what a client asks for: "open A", "send A", "close A", "drop A".
class FakeWire final : public Wire {
 public:
  std::vector<std::string> calls;
  std::vector<Outgoing> sent;

  void open(ClientId, Slot slot, bool) override { note("open", slot); }
  void send(ClientId, Slot slot, const Outgoing& message) override {
    note("send", slot);
    sent.push_back(message);
  }
  void close(ClientId, Slot slot) override { note("close", slot); }
  void drop(ClientId, Slot slot) override { note("drop", slot); }
  // The calls since the last take.
  std::vector<std::string> take() { return std::exchange(calls, {}); }

 private:
  void note(const char* what, Slot slot) { calls.push_back(std::string(what) + (slot == Slot::kA ? " A" : " B")); }
};

using Calls = std::vector<std::string>;

// A client with one echo a second, its time moved by the test.
struct Fixture {
  explicit Fixture(HintMode mode = HintMode::kSubProtocol) : client(1, mode, rules, workload, wire, tally, random) {}

  ClientRules rules;
  EchoRules echo_rules{1.0, 64};
  FakeWire wire;
  Tally tally;
  Random random{3};
  SteadyTime now = kStart;
  EchoWorkload workload{1, echo_rules, tally, random, kStart};
  Client client;

  void connect(Slot slot = Slot::kA) { client.on_open(slot, now); }
  void start() {
    client.start();
    connect();
    wire.take();
  }
  // Goes from one wake to the next until `by` has passed.
  void pass(Duration by) {
    const SteadyTime end = now + by;
    for (int wakes = 0; client.wake_at(now) <= end; ++wakes) {
      REQUIRE(wakes < 1'000);
      now = std::max(now, client.wake_at(now));
      client.on_wake(now);
    }
    now = end;
  }
  void pass_until_sent() {
    const std::size_t before = wire.sent.size();
    while (wire.sent.size() == before) pass(10ms);
    wire.take();
  }
  void answer(Slot slot, std::size_t index) {
    client.on_message(slot, wire.sent[index].opcode, wire.sent[index].payload, now);
  }
  void close_from_peer(Slot slot, int code, const char* reason = "") {
    client.on_end(slot, {End::Kind::kCloseFrame, code, reason}, now);
  }
  void hint(Slot slot) { client.on_message(slot, Opcode::kText, kHint, now); }
};

TEST_CASE("a client connects, talks and leaves with 1000 once its answers are in") {
  Fixture f;
  f.client.start();
  CHECK(f.wire.take() == Calls{"open A"});
  f.connect();
  CHECK(f.client.connected());
  f.pass_until_sent();
  f.client.leave(f.now);
  CHECK(f.wire.take().empty());
  CHECK(f.client.retiring() == 1);
  f.answer(Slot::kA, 0);
  CHECK(f.wire.take() == Calls{"close A"});
  CHECK(!f.client.gone());
  f.close_from_peer(Slot::kA, 1000);
  CHECK(f.client.gone());
  CHECK(f.tally.ended_own == 1);
  CHECK(f.tally.echoes.lost == 0);
  CHECK(f.client.wake_at(f.now) == kNever);
}

TEST_CASE("make before break: the new connection is open before the old one is left") {
  Fixture f;
  f.start();
  f.pass_until_sent();
  f.hint(Slot::kA);
  CHECK(f.tally.hints == 1);
  while (f.wire.calls.empty() || f.wire.calls.back() != "open B") f.pass(10ms);
  CHECK(f.now < kStart + 10s);
  CHECK(f.client.connected());
  const std::size_t sent_on_a = f.wire.sent.size();
  f.wire.take();
  f.connect(Slot::kB);
  CHECK(f.tally.overlaps == 1);
  CHECK(f.tally.reconnects == 0);
  CHECK(f.wire.take().empty());  // The old one still awaits answers.
  for (std::size_t i = 0; i < sent_on_a; ++i) f.answer(Slot::kA, i);
  CHECK(f.wire.take() == Calls{"close A"});
  f.close_from_peer(Slot::kA, 1000);
  f.pass(3s);
  for (const std::string& call : f.wire.take()) CHECK(call == "send B");
  CHECK(f.tally.ended_own == 1);
  CHECK(f.tally.abnormal.total() == 0);
  CHECK(f.tally.echoes.lost == 0);
}

TEST_CASE("a hinted client that cannot move is silent before the announced end, so that nothing crosses the Close") {
  Fixture f;
  f.echo_rules.per_second = 20;
  f.start();
  f.hint(Slot::kA);
  const SteadyTime end = f.now + 10s;
  while (f.now < end) {
    f.pass(10ms);
    const Calls calls = f.wire.take();
    for (const std::string& call : calls) {
      if (call == "open B") f.client.on_refused(Slot::kB, "status 503", std::nullopt, f.now);
      if (call == "send A") {
        CHECK(f.now <= end - 1s + 10ms);
        f.answer(Slot::kA, f.wire.sent.size() - 1);
      }
    }
  }
  CHECK(f.tally.refused.counts().at("status 503") > 0);
  f.close_from_peer(Slot::kA, 1012, "reconnect-after-ms=0");
  CHECK(f.tally.ended_hinted == 1);
  CHECK(f.tally.ended_hinted_deaf == 0);
  CHECK(f.tally.echoes.lost == 0);
}

TEST_CASE("a deaf client waits as long as the Close's reason says") {
  Fixture f(HintMode::kDeaf);
  f.start();
  f.pass_until_sent();
  f.close_from_peer(Slot::kA, 1012, "reconnect-after-ms=5000");
  CHECK(!f.client.connected());
  CHECK(f.tally.ended_hinted_deaf == 1);
  CHECK(f.tally.echoes.lost == 1);
  CHECK(f.tally.echoes.lost_deaf == 1);
  f.pass(4'999ms);
  CHECK(f.wire.take().empty());
  f.pass(1ms);
  CHECK(f.wire.take() == Calls{"open A"});
  f.connect();
  CHECK(f.tally.reconnects == 1);
}

TEST_CASE("a hint frame to a deaf client is a fault of the gateway") {
  Fixture f(HintMode::kDeaf);
  f.start();
  f.hint(Slot::kA);
  CHECK(f.tally.hints == 0);
  CHECK(f.tally.echoes.corrupt == 1);
}

TEST_CASE("a refused client backs off, longer each time, and as long as Retry-After says") {
  Fixture f;
  f.client.start();
  f.wire.take();
  const auto refuse_and_wait = [&](std::optional<Duration> retry_after) {
    f.client.on_refused(Slot::kA, "errno ECONNREFUSED", retry_after, f.now);
    const Duration wait = std::chrono::duration_cast<Duration>(f.client.wake_at(f.now) - f.now);
    f.pass(wait);
    CHECK(f.wire.take() == Calls{"open A"});
    return wait;
  };
  const Duration first = refuse_and_wait(std::nullopt);
  CHECK(first >= 250ms);
  CHECK(first <= 500ms);
  for (int attempt = 0; attempt < 10; ++attempt) CHECK(refuse_and_wait(std::nullopt) <= 20s);
  CHECK(refuse_and_wait(std::nullopt) >= 10s);
  const Duration asked = refuse_and_wait(Duration(30'000));
  CHECK(asked >= 30s);
  CHECK(asked <= 31s);
  CHECK(refuse_and_wait(Duration(3'600'000)) <= 61s);
  CHECK(f.tally.abnormal.total() == 0);
  f.connect();
  CHECK(f.client.connected());
}

TEST_CASE("churn closes with 1000 and comes back on a free slot") {
  Fixture f;
  f.rules.churn_mean = 2s;
  f.rules.churn_pause = 0ms;
  f.echo_rules.per_second = 0;
  f.workload.reschedule(f.now);
  f.start();
  int lives = 0;
  for (int step = 0; step < 400; ++step) {
    f.pass(100ms);
    for (const std::string& call : f.wire.take()) {
      const Slot slot = call.back() == 'A' ? Slot::kA : Slot::kB;
      if (call.starts_with("close")) f.close_from_peer(slot, 1000);
      if (call.starts_with("open")) {
        ++lives;
        f.connect(slot);
      }
    }
  }
  CHECK(lives >= 8);
  CHECK(lives <= 40);
  CHECK(f.tally.ended_own == f.tally.reconnects);
}

TEST_CASE("an unanswered Close is an abnormal end") {
  Fixture f;
  f.start();
  f.client.leave(f.now);
  CHECK(f.wire.take() == Calls{"close A"});
  f.pass(6s);
  CHECK(f.wire.take() == Calls{"drop A"});
  CHECK(f.client.gone());
  CHECK(f.tally.abnormal.counts().at("own close unanswered") == 1);
}

TEST_CASE("answers that never come are waited for, then lost") {
  Fixture f;
  f.start();
  f.pass_until_sent();
  f.client.leave(f.now);
  f.pass(5s);
  CHECK(f.wire.take() == Calls{"close A"});
  CHECK(f.tally.retire_timeouts == 1);
  f.close_from_peer(Slot::kA, 1000);
  CHECK(f.tally.echoes.lost == 1);
  CHECK(f.tally.ended_own == 1);
}

TEST_CASE("leaving drops a connection that is still being opened") {
  Fixture f;
  f.client.start();
  f.wire.take();
  f.client.leave(f.now);
  CHECK(f.wire.take() == Calls{"drop A"});
  CHECK(f.client.gone());
}

TEST_CASE("a connection that is cut while its replacement opens is replaced by it") {
  Fixture f;
  f.start();
  f.hint(Slot::kA);
  while (f.wire.calls.empty() || f.wire.calls.back() != "open B") f.pass(10ms);
  f.client.on_end(Slot::kA, {End::Kind::kSocketError, ECONNRESET, ""}, f.now);
  f.wire.take();
  CHECK(f.client.wake_at(f.now) == kNever);
  f.connect(Slot::kB);
  CHECK(f.client.connected());
  CHECK(f.tally.overlaps == 0);
  CHECK(f.tally.reconnects == 1);
  CHECK(f.tally.abnormal.counts().at("errno ECONNRESET") == 1);
}

TEST_CASE("a second hint is obeyed once the first connection's slot is free again") {
  Fixture f;
  f.echo_rules.per_second = 0;
  f.workload.reschedule(f.now);
  f.start();
  f.hint(Slot::kA);
  f.pass(8s);
  f.connect(Slot::kB);
  CHECK(f.wire.take() == Calls{"open B", "close A"});
  f.hint(Slot::kB);
  f.pass(4s);
  CHECK(f.wire.take().empty());
  f.close_from_peer(Slot::kA, 1000);
  f.pass(8s);
  CHECK(f.wire.take() == Calls{"open A"});
}

}  // namespace
}  // namespace sluice::loadgen
