#include "operator/gateway_state.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"

namespace sluice::op {

TEST_CASE("parse_gateway_state reads what the design note says") {
  const auto state = parse_gateway_state(
      R"({"connections":{"total":812,"byState":{"idle":0,"active":812},"byProtocol":{"ws":812}},)"
      R"("drain":{"startedAt":"2026-11-23T09:30:00Z","reason":"ScaleDown","deadline":"2026-11-23T10:00:00Z",)"
      R"("initial":812,"remaining":400,"hinted":412,"rate":200.0,"etaSeconds":2.1},"handshakeP99":0.004})");
  REQUIRE(state);
  CHECK(state->connections == 812);
  REQUIRE(state->drain);
  CHECK(state->drain->reason == "ScaleDown");
  CHECK(state->drain->initial == 812);
  CHECK(state->drain->remaining == 400);
  CHECK(state->drain->rate == doctest::Approx(200));
  CHECK(format_rfc3339(state->drain->deadline) == "2026-11-23T10:00:00Z");

  const auto quiet = parse_gateway_state(R"({"connections":{"total":0},"drain":null})");
  REQUIRE(quiet);
  CHECK_FALSE(quiet->drain);
}

TEST_CASE("parse_gateway_state reads what the gateway says of itself and its machine") {
  const auto state = parse_gateway_state(
      R"({"connections":{"total":3},"drain":null,"terminating":{"deadline":"2026-11-23T10:00:00Z"},"sessionCost":2.5,)"
      R"("handshakeP99":0.25,"bytesPerConnection":21000.5,)"
      R"("limits":{"descriptors":1024,"somaxconn":4096,"conntrackMax":262144,"memoryBytes":2147483648}})");
  REQUIRE(state);
  REQUIRE(state->ends_at);
  CHECK(format_rfc3339(*state->ends_at) == "2026-11-23T10:00:00Z");
  CHECK(state->session_cost == doctest::Approx(2.5));
  CHECK(state->handshake_p99_seconds == doctest::Approx(0.25));
  CHECK(state->limits.descriptors == 1024);
  CHECK(state->limits.backlog == 4096);
  CHECK(state->limits.conntrack == 262'144);
  CHECK(state->limits.memory_bytes == 2'147'483'648);
  CHECK(state->limits.bytes_per_connection == doctest::Approx(21000.5));
}

TEST_CASE("a state that cannot be read is an error, never zero connections") {
  struct Row {
    const char* name;
    const char* body;
  };
  const Row rows[] = {
      {"empty body", ""},
      {"not JSON", "<html>"},
      {"no object", "[]"},
      {"no connections", "{}"},
      {"connections is a number", R"({"connections":0})"},
      {"total is absent", R"({"connections":{"byState":{}}})"},
      {"total is text", R"({"connections":{"total":"0"}})"},
      {"total is negative", R"({"connections":{"total":-1}})"},
      {"drain is text", R"({"connections":{"total":0},"drain":"yes"})"},
      {"drain has no deadline",
       R"({"connections":{"total":0},"drain":{"startedAt":"2026-11-23T09:30:00Z","initial":0,"remaining":0,"rate":1}})"},
      {"drain's rate is text",
       R"({"connections":{"total":0},"drain":{"startedAt":"2026-11-23T09:30:00Z","deadline":"2026-11-23T09:31:00Z","initial":0,"remaining":0,"rate":"1"}})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto state = parse_gateway_state(row.body);
    REQUIRE_FALSE(state);
    CHECK(state.error().code == ErrorCode::kInvalid);
  }
}

}  // namespace sluice::op
