#include "operator/state_store.h"

#include <doctest/doctest.h>

namespace sluice::op {
namespace {

const SteadyTime kStart{1h};

GatewayState draining_at(double rate, std::int64_t connections = 10) {
  return {.connections = connections, .drain = GatewayDrain{.reason = "ScaleDown", .rate = rate}};
}

}  // namespace

TEST_CASE("an answer that was asked for earlier does not replace a later one") {
  StateStore store;
  store.set_pods("live/edge", {"u"});
  CHECK(store.heard("u", kStart + 2s, {.connections = 5, .drain = std::nullopt}));
  CHECK_FALSE(store.heard("u", kStart + 1s, {.connections = 0, .drain = std::nullopt}));
  CHECK(store.get("u").state->connections == 5);
  CHECK(store.get("u").asked_at == kStart + 2s);
}

TEST_CASE("the same answer again is no change") {
  StateStore store;
  store.set_pods("live/edge", {"u"});
  CHECK(store.heard("u", kStart, {.connections = 5, .drain = std::nullopt}));
  CHECK_FALSE(store.heard("u", kStart + 1s, {.connections = 5, .drain = std::nullopt}));
  CHECK(store.heard("u", kStart + 2s, {.connections = 4, .drain = std::nullopt}));
}

TEST_CASE("a failed call keeps the last state and is forgotten by a later answer") {
  StateStore store;
  store.set_pods("live/edge", {"u"});
  (void)store.heard("u", kStart, {.connections = 5, .drain = std::nullopt});
  store.failed("u", kStart + 1s, 0, ErrorCode::kUnavailable);
  CHECK(store.get("u").state->connections == 5);
  CHECK(store.get("u").failed_at == kStart + 1s);
  CHECK(store.heard("u", kStart + 2s, {.connections = 5, .drain = std::nullopt}));
  CHECK_FALSE(store.get("u").failed_at);
}

TEST_CASE("a rate whose call was lost may be in effect until a later answer says otherwise") {
  StateStore store;
  store.set_pods("live/edge", {"u"});
  (void)store.heard("u", kStart, draining_at(50));
  CHECK(store.get("u").rate_possible == 50);
  store.failed("u", kStart + 2s, 200, ErrorCode::kUnavailable);
  CHECK(store.get("u").rate_possible == 200);
  (void)store.heard("u", kStart + 1s, draining_at(50));  // Asked before the lost call ended: proves nothing.
  CHECK(store.get("u").rate_possible == 200);
  CHECK(store.get("u").failed_at);
  (void)store.heard("u", kStart + 3s, draining_at(50));
  CHECK(store.get("u").rate_possible == 50);
}

TEST_CASE("since when a pod is empty, and what it held before") {
  StateStore store;
  store.set_pods("live/edge", {"u"});
  const auto hear = [&](SteadyTime at, std::int64_t connections) {
    (void)store.heard("u", at, {.connections = connections, .drain = std::nullopt});
  };
  hear(kStart, 7);
  CHECK_FALSE(store.get("u").empty_since);
  hear(kStart + 1s, 0);
  hear(kStart + 2s, 0);
  CHECK(store.get("u").empty_since == kStart + 1s);
  CHECK(store.get("u").last_count == 7);
  hear(kStart + 3s, 2);
  CHECK_FALSE(store.get("u").empty_since);
  CHECK(store.get("u").last_count == 2);
}

TEST_CASE("what pods said is forgotten with them, and late answers are dropped") {
  StateStore store;
  store.set_pods("ns/edge", {"a", "b"});
  store.set_pods("ns/other", {"x"});
  for (const char* uid : {"a", "b", "x"}) (void)store.heard(uid, kStart, {});
  store.set_pods("ns/edge", {"b"});
  CHECK_FALSE(store.get("a").state);
  CHECK(store.get("b").state);
  CHECK(store.get("x").state);
  CHECK_FALSE(store.heard("a", kStart + 1s, {}));
  store.failed("a", kStart + 1s, 5, ErrorCode::kUnavailable);
  CHECK(store.size() == 2);
  store.set_pods("ns/edge", {});
  CHECK(store.size() == 1);
}

TEST_CASE("a pod that another gateway names from now on is heard again") {
  StateStore store;
  store.set_pods("ns/edge", {"a"});
  store.set_pods("ns/other", {"a"});
  store.set_pods("ns/edge", {});
  store.set_pods("ns/other", {"a"});
  CHECK(store.heard("a", kStart, {}));
}

TEST_CASE("silence is counted from the first call without an answer, until one has one") {
  StateStore store;
  store.set_pods("k", {"u"});
  CHECK_FALSE(store.get("u").failing_since);
  store.failed("u", kStart + 2s, 0, ErrorCode::kUnavailable);
  store.failed("u", kStart + 4s, 0, ErrorCode::kNotFound);
  CHECK(store.get("u").failures == 2);
  CHECK(store.get("u").failing_since == kStart + 2s);
  CHECK(store.get("u").refused);
  store.failed("u", kStart + 6s, 0, ErrorCode::kUnavailable);
  CHECK_FALSE(store.get("u").refused);
  // It was asked before the last failure: the failure stands.
  (void)store.heard("u", kStart + 5s, GatewayState{});
  CHECK(store.get("u").failures == 3);
  (void)store.heard("u", kStart + 7s, GatewayState{});
  CHECK(store.get("u").failures == 0);
  CHECK_FALSE(store.get("u").failing_since);
  // A refusal in words is an answer.
  store.failed("u", kStart + 9s, 0, ErrorCode::kUnavailable);
  store.failed("u", kStart + 11s, 0, ErrorCode::kDenied);
  CHECK(store.get("u").failed_at == kStart + 11s);
  CHECK_FALSE(store.get("u").failing_since);
}

TEST_CASE("what a shed releases counts until it has run out") {
  StateStore store;
  store.set_pods("k", {"u"});
  GatewayState state;
  state.shed = GatewayShed{.id = "r", .remaining = 5, .rate = 20};
  (void)store.heard("u", kStart, state);
  CHECK(store.get("u").rate_possible == 20);
  state.shed->remaining = 0;
  (void)store.heard("u", kStart + 1s, state);
  CHECK(store.get("u").rate_possible == 0);
}

}  // namespace sluice::op
