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
  store.failed("u", kStart + 1s, 0);
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
  store.failed("u", kStart + 2s, 200);
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
  store.failed("a", kStart + 1s, 5);
  CHECK(store.size() == 2);
  store.set_pods("ns/edge", {});
  CHECK(store.size() == 1);
}

}  // namespace sluice::op
